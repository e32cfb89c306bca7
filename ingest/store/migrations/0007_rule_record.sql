-- What the rules were given besides observations: when they began (begun), when nobody could be heard (deaf),
-- and what they were from when on, changed by whom (rules; R-61). A copy of the service's own record.
CREATE TABLE IF NOT EXISTS rule_record (
    journal text NOT NULL,
    seq bigint NOT NULL,
    at timestamptz NOT NULL,
    what text NOT NULL,
    body jsonb NOT NULL,
    PRIMARY KEY (journal, seq)
);
CREATE INDEX IF NOT EXISTS rule_record_at ON rule_record (at);
