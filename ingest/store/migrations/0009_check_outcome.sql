-- How each check that fell due ended, the last word of each deadline: done, substituted (in time, both), late,
-- missed, paused, or unproven so far. `place` is where she lived then. A copy of the service's own record.
CREATE TABLE IF NOT EXISTS check_outcome (
    rule text NOT NULL,
    subject text NOT NULL,
    due timestamptz NOT NULL,
    task text NOT NULL,
    outcome text NOT NULL,
    done_at timestamptz,
    by_whom text,
    proof text,
    metric text,
    device text,
    refused integer NOT NULL,
    place text NOT NULL,
    journal text NOT NULL,
    seq bigint NOT NULL,
    PRIMARY KEY (rule, subject, due)
);
CREATE INDEX IF NOT EXISTS check_outcome_due ON check_outcome (due);
CREATE INDEX IF NOT EXISTS check_outcome_seq ON check_outcome (journal, seq);

-- Every place with all it lies in, itself too: the street of a room, say.
CREATE OR REPLACE VIEW place_within AS
WITH RECURSIVE within (place, around) AS (
    SELECT id, id FROM place
    UNION
    SELECT within.place, above.parent FROM within JOIN place AS above ON above.id = within.around
)
SELECT within.place, place.id AS around, place.kind, place.name
FROM within JOIN place ON place.id = within.around;

-- Checks that fell due from `since` on and before `until`, by task and place of one kind (street, site ...; all
-- kinds when null). `people` were to be checked (not only paused), `reached` of them were at least once, in
-- time or late: for community visits the visit rate of a street (R-83) is `reached_rate`. `rate` is the part
-- of all that was due (paused apart) that was done in time.
CREATE OR REPLACE FUNCTION check_coverage(since timestamptz, until timestamptz, level text DEFAULT NULL)
RETURNS TABLE (
    kind text, place text, name text, task text,
    due bigint, in_time bigint, late bigint, missed bigint, paused bigint, rate numeric,
    people bigint, reached bigint, reached_rate numeric
)
LANGUAGE sql STABLE AS $$
    SELECT counted.*, round(counted.reached::numeric / nullif(counted.people, 0), 4)
    FROM (
        SELECT
            p.kind, p.around, p.name, o.task,
            count(*) FILTER (WHERE o.outcome <> 'paused') AS due,
            count(*) FILTER (WHERE o.outcome IN ('done', 'substituted')) AS in_time,
            count(*) FILTER (WHERE o.outcome = 'late') AS late,
            count(*) FILTER (WHERE o.outcome IN ('missed', 'unproven')) AS missed,
            count(*) FILTER (WHERE o.outcome = 'paused') AS paused,
            round(
                count(*) FILTER (WHERE o.outcome IN ('done', 'substituted'))::numeric
                / nullif(count(*) FILTER (WHERE o.outcome <> 'paused'), 0), 4
            ) AS rate,
            count(DISTINCT o.subject) FILTER (WHERE o.outcome <> 'paused') AS people,
            count(DISTINCT o.subject) FILTER (WHERE o.outcome IN ('done', 'substituted', 'late')) AS reached
        FROM check_outcome AS o JOIN place_within AS p ON p.place = o.place
        WHERE o.due >= since AND o.due < until AND (level IS NULL OR p.kind = level)
        GROUP BY p.kind, p.around, p.name, o.task
    ) AS counted
    ORDER BY counted.kind, counted.around, counted.task
$$;
