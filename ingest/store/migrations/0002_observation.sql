-- One row per observation. States are 1 or 0, events 1, words stand in `word`; `late` is history that was
-- never current (R-90). The unit of a metric is fixed: see devices/metrics.py.
CREATE TABLE observation (
    at timestamptz NOT NULL,
    received_at timestamptz NOT NULL,
    site text NOT NULL,
    device text NOT NULL,
    resident text,
    place text,
    metric text NOT NULL,
    value double precision,
    word text,
    quality text NOT NULL,
    at_source text NOT NULL,
    late boolean NOT NULL,
    detail text,
    by_whom text,
    confidence real,
    journal_seq bigint NOT NULL,
    part integer NOT NULL
) /* PARTITION */;
CREATE INDEX observation_resident ON observation (resident, metric, at DESC);
CREATE INDEX observation_device ON observation (device, at DESC) WHERE resident IS NULL;
