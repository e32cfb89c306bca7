-- The figures of a report, computed from the raw events alone: the recorded bodies, in the words of the
-- definitions. Given: period (since_ms, until, known_at, all UTC), zone, and turn (the rota, turn by turn).

ANALYZE period;
ANALYZE zone;
ANALYZE turn;

CREATE TEMP VIEW severity_rank (severity, rank) AS VALUES ('info', 0), ('low', 1), ('medium', 2), ('high', 3);

-- Every event that was known, of what is no drill, with what it does to calling people.
CREATE TEMP TABLE step AS
SELECT
    e.alert, e.n, e.at, e.event, e.body,
    max(CASE WHEN e.event IN ('opened', 'evidence') AND e.body->>'weight' <> 'note' THEN s.rank END)
        OVER (PARTITION BY e.alert ORDER BY e.n) AS urgency,
    CASE
        WHEN e.event IN ('opened', 'evidence') AND e.body->>'weight' = 'call' THEN 'call'
        WHEN e.event IN ('released', 'lapsed') THEN 'call'
        WHEN e.event = 'resolved' AND e.body->>'source' IN ('suspension', 'resident') THEN 'end'
        WHEN e.event IN ('acknowledged', 'arrived', 'resolved') THEN 'answer'
        WHEN e.event IN ('shelved', 'out_of_service') THEN 'end'
    END AS mark
FROM (
    SELECT alert, (body->>'number')::int AS n, (extract(epoch FROM at) * 1000)::bigint AS at, event, body
    FROM alert_event
    WHERE body ? 'episode' AND at < (SELECT to_timestamp(known_at / 1000.0) FROM period)
) AS e
LEFT JOIN severity_rank AS s ON s.severity = e.body->>'severity'
WHERE e.alert NOT IN (SELECT alert FROM alert_event WHERE event = 'opened' AND body->>'kind' = 'drill');
CREATE INDEX ON step (alert, n);
ANALYZE step;

CREATE TEMP TABLE opened AS
SELECT
    o.alert, o.body->>'rule' AS rule, o.body->>'kind' AS kind, o.body->>'subject' AS subject,
    o.body->>'site' AS site, worst.severity,
    r.at AS resolved_at, r.body->>'outcome' AS outcome,
    r.body->>'source' IS NOT NULL AND r.body->>'source' NOT IN ('suspension', 'resident') AS by_person
FROM step AS o
JOIN (SELECT alert, max(urgency) AS urgency FROM step GROUP BY alert) AS w USING (alert)
JOIN severity_rank AS worst ON worst.rank = w.urgency
LEFT JOIN step AS r ON r.alert = o.alert AND r.event = 'resolved'
WHERE o.event = 'opened';

-- Where each alert is: its place and all above it, the nearest first.
CREATE TEMP TABLE above AS
WITH RECURSIVE up (alert, depth, place) AS (
    SELECT o.alert, 0, coalesce(r.place, p.id)
    FROM opened AS o LEFT JOIN resident AS r ON r.id = o.subject LEFT JOIN place AS p ON p.id = o.subject
    WHERE coalesce(r.place, p.id) IS NOT NULL
    UNION ALL
    SELECT up.alert, up.depth + 1, p.parent FROM up JOIN place AS p ON p.id = up.place WHERE p.parent <> ''
)
SELECT up.alert, up.depth, up.place, p.kind FROM up JOIN place AS p ON p.id = up.place;
INSERT INTO above
SELECT o.alert, 0, o.site, p.kind FROM opened AS o LEFT JOIN place AS p ON p.id = o.site
WHERE o.alert NOT IN (SELECT alert FROM above);
ANALYZE above;

-- Each time that people were called while they were not, or for something more urgent than they were.
CREATE TEMP TABLE call AS
SELECT
    c.alert, c.n, c.at AS called_at, c.at AS since, c.event AS why, s.severity,
    CASE WHEN over.mark = 'answer' THEN over.at END AS answered_at,
    CASE WHEN over.mark = 'end' THEN over.at END AS withdrawn_at,
    CASE WHEN over.mark = 'answer' AND (lapse.n IS NULL OR there.n < lapse.n) THEN there.at END AS arrived_at,
    CASE WHEN over.mark = 'answer' AND (there.n IS NULL OR lapse.n < there.n) THEN lapse.at END AS lapsed_at,
    (
        SELECT min(d.at) FROM step AS d
        WHERE d.alert = c.alert AND d.event = 'delivered' AND d.n > c.n AND d.n < coalesce(over.n, 2000000000)
    ) AS delivered_at,
    coalesce(over.n, 2000000000) AS over_n
FROM (
    SELECT *, lag(mark) OVER marks AS before, lag(urgency) OVER marks AS urgency_before
    FROM step WHERE mark IS NOT NULL WINDOW marks AS (PARTITION BY alert ORDER BY n)
) AS c
JOIN severity_rank AS s ON s.rank = c.urgency
LEFT JOIN LATERAL (
    SELECT x.n, x.at, x.mark FROM step AS x
    WHERE x.alert = c.alert AND x.n > c.n AND x.mark IN ('answer', 'end') ORDER BY x.n LIMIT 1
) AS over ON true
LEFT JOIN LATERAL (
    SELECT x.n, x.at FROM step AS x
    WHERE x.alert = c.alert AND x.n > c.n AND x.event = 'arrived' ORDER BY x.n LIMIT 1
) AS there ON true
LEFT JOIN LATERAL (
    SELECT x.n, x.at FROM step AS x
    WHERE x.alert = c.alert AND x.n > c.n AND x.event = 'lapsed' ORDER BY x.n LIMIT 1
) AS lapse ON true
WHERE c.mark = 'call' AND (c.before IS DISTINCT FROM 'call' OR c.urgency > c.urgency_before);

-- After a lapse it is waited on since the first call after which nobody had come.
UPDATE call SET since = coalesce((
    SELECT min(b.called_at) FROM call AS b
    WHERE b.alert = call.alert AND b.n < call.n AND b.withdrawn_at IS NULL AND NOT EXISTS (
        SELECT FROM step AS x WHERE x.alert = b.alert AND x.event = 'arrived' AND x.n > b.n AND x.n < call.n
    )
), call.called_at)
WHERE call.why = 'lapsed';
ANALYZE call;

CREATE TEMP TABLE counted AS
SELECT
    c.*, o.rule, o.kind, o.subject, o.site, c.n = first_value(c.n) OVER (PARTITION BY c.alert ORDER BY c.n) AS first,
    o.resolved_at, o.by_person,
    to_char(to_timestamp(c.called_at / 1000.0) AT TIME ZONE zone.name, 'YYYY-MM-DD') AS day,
    extract(hour FROM to_timestamp(c.called_at / 1000.0) AT TIME ZONE zone.name)::int AS hour,
    coalesce(
        (SELECT a.place FROM above AS a WHERE a.alert = c.alert AND coalesce(a.kind, '') NOT IN ('room', 'bed')
         ORDER BY a.depth LIMIT 1),
        (SELECT a.place FROM above AS a WHERE a.alert = c.alert AND a.depth = 0)
    ) AS place
FROM call AS c JOIN opened AS o USING (alert) CROSS JOIN zone;
DELETE FROM counted USING period WHERE called_at < since_ms OR called_at >= until;

ALTER TABLE counted ADD COLUMN shift text;
UPDATE counted SET shift = coalesce(
    (
        SELECT t.shift FROM turn AS t JOIN above AS a ON a.alert = counted.alert AND a.place = t.place
        WHERE t.begins <= counted.called_at AND counted.called_at < t.ends
        ORDER BY t.role <> 'primary', a.depth, t.shift LIMIT 1
    ),
    CASE WHEN hour >= 7 AND hour < 21 THEN 'day' ELSE 'night' END
);
ANALYZE counted;

CREATE TEMP VIEW by_each AS
SELECT c.*, d.dimension, d.id
FROM counted AS c CROSS JOIN LATERAL (VALUES
    ('', ''), ('severity', c.severity), ('rule', c.rule), ('kind', c.kind), ('place', c.place),
    ('shift', c.shift), ('day', c.day)
) AS d (dimension, id);

CREATE TEMP TABLE verdict AS
SELECT
    b.alert, b.n, b.dimension, b.id, b.severity, b.called_at, b.answered_at, l.s AS limit_s,
    CASE
        WHEN b.answered_at IS NOT NULL THEN b.answered_at <= b.called_at + l.s * 1000
        WHEN b.withdrawn_at <= b.called_at + l.s * 1000 THEN NULL
        WHEN p.known_at > b.called_at + l.s * 1000 THEN false
    END AS in_time
FROM by_each AS b CROSS JOIN (VALUES (60), (180)) AS l (s) CROSS JOIN period AS p;

CREATE TEMP TABLE figure (name text, dimension text, id text, value float8, of bigint, episodes text[]);

INSERT INTO figure
SELECT
    format('answered_%ss', limit_s), dimension, id, avg(in_time::int), count(in_time),
    array_agg(DISTINCT alert) FILTER (WHERE in_time)
FROM verdict WHERE severity = 'high' OR dimension = 'severity'
GROUP BY limit_s, dimension, id;

INSERT INTO figure
SELECT what.name, dimension, id, count(*) FILTER (WHERE what.so), count(*) FILTER (WHERE what.so),
    array_agg(DISTINCT alert) FILTER (WHERE what.so)
FROM by_each CROSS JOIN LATERAL (VALUES
    ('calls', true), ('unanswered', answered_at IS NULL AND withdrawn_at IS NULL),
    ('lapsed', lapsed_at IS NOT NULL), ('withdrawn', withdrawn_at IS NOT NULL)
) AS what (name, so)
WHERE dimension <> 'day' GROUP BY what.name, dimension, id;

INSERT INTO figure
SELECT format('%s_p%s', t.name, p.percent), dimension, id,
    percentile_disc(p.percent / 100.0) WITHIN GROUP (ORDER BY t.ms) / 1000.0, count(t.ms),
    array_agg(DISTINCT alert) FILTER (WHERE t.ms IS NOT NULL)
FROM by_each CROSS JOIN LATERAL (VALUES
    ('acknowledge', answered_at - called_at),
    ('bedside', arrived_at - since),
    ('on_the_way', arrived_at - answered_at),
    ('at_bedside', CASE WHEN first AND by_person THEN resolved_at - (
        SELECT max(c.arrived_at) FROM call AS c WHERE c.alert = by_each.alert
    ) END),
    ('resolve', CASE WHEN first AND by_person THEN resolved_at - called_at END)
) AS t (name, ms) CROSS JOIN (VALUES (50), (90), (99)) AS p (percent)
WHERE dimension <> 'day' GROUP BY t.name, p.percent, dimension, id;

-- Every call of high severity that was not answered in time, and the first of the causes that holds.
CREATE TEMP TABLE miss AS
SELECT c.alert, c.rule, c.place, c.shift, c.called_at, c.answered_at, v.limit_s, CASE
    WHEN t.people = 0 AND t.empty > 0 THEN 'nobody_on_duty'
    WHEN t.sent = 0 AND coalesce(c.delivered_at > v.ends, true) THEN 'not_told'
    WHEN c.delivered_at IS NULL THEN 'undelivered'
    WHEN c.delivered_at > v.ends THEN 'delivered_late'
    ELSE 'not_answered'
END AS cause
FROM (SELECT *, called_at + limit_s * 1000 AS ends FROM verdict WHERE dimension = '' AND in_time = false) AS v
JOIN counted AS c USING (alert, n)
CROSS JOIN LATERAL (
    SELECT
        count(*) FILTER (WHERE x.body->'to' <> '[]') AS people,
        count(*) FILTER (WHERE x.body->'to' = '[]' AND x.body->'nobody' <> '[]') AS empty,
        count(*) FILTER (WHERE NOT (x.body->'to' = '[]' AND x.body->'nobody' <> '[]')) AS sent
    FROM step AS x
    WHERE x.alert = c.alert AND x.event = 'notified' AND x.n > c.n AND x.n < c.over_n AND x.at <= v.ends
) AS t
WHERE v.severity = 'high';

-- Alerts for which people were first called in the period.
CREATE TEMP TABLE fresh AS
SELECT o.*, c.place FROM opened AS o JOIN counted AS c USING (alert) WHERE c.first;

INSERT INTO figure
SELECT 'priority', 'severity', p.id, avg((p.id = s.id)::int), count(*),
    array_agg(alert) FILTER (WHERE p.id = s.id)
FROM fresh CROSS JOIN LATERAL (SELECT CASE severity WHEN 'info' THEN 'low' ELSE severity END) AS s (id)
CROSS JOIN (VALUES ('high'), ('medium'), ('low')) AS p (id)
GROUP BY p.id;

CREATE TEMP VIEW has_a_say AS
SELECT DISTINCT f.alert, f.by_person, f.outcome, d.dimension, d.id
FROM fresh AS f
JOIN step AS e ON e.alert = f.alert AND e.event IN ('opened', 'evidence') AND e.body->>'weight' <> 'note'
CROSS JOIN LATERAL (VALUES
    ('', ''), ('kind', f.kind), ('rule', coalesce(nullif(e.body->>'rule', ''), f.rule)),
    ('sensor', f.site || '/' || nullif(e.body->'evidence'->>'device', ''))
) AS d (dimension, id)
WHERE d.id IS NOT NULL AND f.by_person;

INSERT INTO figure
SELECT 'precision', dimension, id, avg((outcome = 'real')::int) FILTER (WHERE outcome IN ('real', 'false')),
    count(*) FILTER (WHERE outcome IN ('real', 'false')), array_agg(alert) FILTER (WHERE outcome = 'real')
FROM has_a_say GROUP BY dimension, id;
INSERT INTO figure
SELECT 'actionable', dimension, id, avg((outcome = 'real')::int) FILTER (WHERE outcome <> 'test'),
    count(*) FILTER (WHERE outcome <> 'test'), array_agg(alert) FILTER (WHERE outcome = 'real')
FROM has_a_say WHERE dimension IN ('', 'rule') GROUP BY dimension, id;

-- Floods: of all ten-minute periods at all sites, those with calls for more than ten alerts.
CREATE TEMP VIEW site AS
SELECT id FROM place WHERE kind = 'site' UNION SELECT site FROM counted;
CREATE TEMP TABLE bin AS
SELECT site.id AS site, bins.n, count(DISTINCT c.alert) AS alerts, array_agg(DISTINCT c.alert) AS episodes
FROM site CROSS JOIN period AS p
CROSS JOIN LATERAL generate_series(0, ceil((p.until - p.since_ms) / 600000.0)::int - 1) AS bins (n)
LEFT JOIN counted AS c ON c.site = site.id AND (c.called_at - p.since_ms) / 600000 = bins.n
GROUP BY site.id, bins.n;
INSERT INTO figure
SELECT 'flood', d.dimension, d.id, avg((b.alerts > 10)::int), count(*),
    (SELECT array_agg(DISTINCT e) FROM bin AS f CROSS JOIN unnest(f.episodes) AS e
     WHERE f.alerts > 10 AND d.id IN ('', f.site))
FROM bin AS b CROSS JOIN LATERAL (VALUES ('', ''), ('place', b.site)) AS d (dimension, id)
GROUP BY d.dimension, d.id;

-- Chattering: one alarm activated three times within 60 s.
INSERT INTO figure
SELECT 'chattering', d.dimension, d.id, count(DISTINCT c.alert), count(DISTINCT f.alert), array_agg(DISTINCT c.alert)
    FILTER (WHERE c.alert IS NOT NULL)
FROM fresh AS f
LEFT JOIN (
    SELECT DISTINCT alert FROM (
        SELECT alert, at - lag(at, 2) OVER (
            PARTITION BY alert, CASE event WHEN 'opened' THEN '' ELSE body->>'rule' END, body->>'subject' ORDER BY n
        ) AS apart
        FROM step WHERE event IN ('opened', 'evidence') AND body->>'weight' NOT IN ('note', 'repeat')
    ) AS activation WHERE apart <= 60000
) AS c USING (alert)
CROSS JOIN LATERAL (VALUES ('', ''), ('rule', f.rule)) AS d (dimension, id)
GROUP BY d.dimension, d.id HAVING count(c.alert) > 0 OR d.dimension = '';

-- The ten loudest sources, and residents with more than a twentieth.
INSERT INTO figure
SELECT 'top_ten_sources', '', '', sum(alerts) / (SELECT count(*) FROM fresh), (SELECT count(*) FROM fresh), NULL
FROM (SELECT count(*) AS alerts FROM fresh GROUP BY rule, subject ORDER BY 1 DESC LIMIT 10) AS top;
INSERT INTO figure
SELECT 'share', 'resident', subject, count(*)::float8 / (SELECT count(*) FROM fresh), (SELECT count(*) FROM fresh),
    array_agg(alert)
FROM fresh WHERE subject IN (SELECT id FROM resident)
GROUP BY subject HAVING count(*) > 0.05 * (SELECT count(*) FROM fresh);

-- Who was told of what in which hour: by name, for the first time since people were called, or being on duty
-- where only displays were told.
CREATE TEMP TABLE heard AS
SELECT DISTINCT h.who, date_trunc('hour', to_timestamp(h.at / 1000.0) AT TIME ZONE zone.name) AS hour, h.alert
FROM (
    SELECT t->>'to' AS who, min(s.at) AS at, s.alert
    FROM step AS s CROSS JOIN LATERAL jsonb_array_elements(s.body->'to') AS t
    CROSS JOIN LATERAL (SELECT max(c.n) AS n FROM call AS c WHERE c.alert = s.alert AND c.n < s.n) AS since
    WHERE s.event = 'notified' AND t->>'to' <> ''
    GROUP BY t->>'to', s.alert, since.n
    UNION ALL
    SELECT t.person, c.called_at, c.alert
    FROM counted AS c
    JOIN above AS a USING (alert) JOIN turn AS t ON t.place = a.place
    WHERE t.begins <= c.called_at AND c.called_at < t.ends AND NOT EXISTS (
        SELECT FROM step AS x
        WHERE x.alert = c.alert AND x.event = 'notified' AND x.n > c.n AND x.n < c.over_n
            AND (x.body->'to' <> '[]' OR x.body->'nobody' <> '[]')
    )
) AS h CROSS JOIN zone CROSS JOIN period AS p
WHERE h.at >= p.since_ms AND h.at < p.until;
ANALYZE heard;

CREATE TEMP TABLE carer_hour AS
SELECT h.who, h.hour, count(heard.alert) AS alerts,
    extract(hour FROM h.hour) >= 21 OR extract(hour FROM h.hour) < 7 AS night
FROM (
    SELECT t.person AS who, generate_series(
        date_trunc('hour', to_timestamp(greatest(t.begins, p.since_ms) / 1000.0) AT TIME ZONE zone.name),
        to_timestamp((least(t.ends, p.until) - 1) / 1000.0) AT TIME ZONE zone.name, interval '1 hour'
    ) AS hour
    FROM turn AS t CROSS JOIN zone CROSS JOIN period AS p
    WHERE t.begins < p.until AND t.ends > p.since_ms
    UNION
    SELECT who, hour FROM heard
) AS h
LEFT JOIN heard ON heard.who = h.who AND heard.hour = h.hour
GROUP BY h.who, h.hour;

INSERT INTO figure
SELECT f.name || CASE WHEN night THEN '_night' ELSE '' END, d.dimension, d.id,
    CASE f.name WHEN 'busiest_hour' THEN max(alerts) ELSE avg(alerts) END, count(*), NULL
FROM carer_hour CROSS JOIN LATERAL (VALUES ('', ''), ('carer', who)) AS d (dimension, id)
CROSS JOIN (VALUES ('alerts_per_hour'), ('busiest_hour')) AS f (name)
GROUP BY f.name, night, d.dimension, d.id;

INSERT INTO figure
SELECT 'calls', 'hour', to_char(hour, 'FM00'), count(*), count(*), array_agg(DISTINCT alert)
FROM counted GROUP BY hour;
