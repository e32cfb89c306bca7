-- Who is cared for and what reports: a projection of the service's registry, for joins.
CREATE TABLE place (
    id text PRIMARY KEY,
    kind text NOT NULL,
    name text NOT NULL,
    parent text NOT NULL,
    timezone text NOT NULL
);
CREATE TABLE resident (
    id text PRIMARY KEY,
    place text NOT NULL,
    name text NOT NULL,
    care_level text NOT NULL,
    away boolean NOT NULL
);
CREATE TABLE device (
    site text NOT NULL,
    id text NOT NULL,
    kind text NOT NULL,
    model text NOT NULL,
    resident text NOT NULL,
    place text NOT NULL,
    gateway text NOT NULL,
    calls boolean NOT NULL,
    supervision text NOT NULL,
    PRIMARY KEY (site, id)
);

-- How far each journal has been stored; written with the rows, so each entry is stored exactly once.
CREATE TABLE journal_position (
    journal text PRIMARY KEY,
    seq bigint NOT NULL,
    updated_at timestamptz NOT NULL DEFAULT now()
);

-- Messages that could not become observations, whole or in part, with the reason.
CREATE TABLE quarantine (
    journal text NOT NULL,
    journal_seq bigint NOT NULL,
    received_at timestamptz NOT NULL,
    topic text NOT NULL,
    device text NOT NULL,
    reason text NOT NULL,
    detail text NOT NULL,
    readings integer NOT NULL,
    size integer NOT NULL,
    payload bytea NOT NULL,
    PRIMARY KEY (journal, journal_seq)
);
CREATE INDEX quarantine_received_at ON quarantine (received_at);

-- Alerts and what happened to them: a projection of the service's own record, for history and reports.
CREATE TABLE alert (
    id text PRIMARY KEY,
    rule text NOT NULL,
    kind text NOT NULL,
    cause text NOT NULL,
    severity text NOT NULL,
    state text NOT NULL,
    subjects text[] NOT NULL,
    opened_at timestamptz NOT NULL,
    raised_at timestamptz NOT NULL,
    acknowledged_at timestamptz,
    acknowledged_by text,
    resolved_at timestamptz,
    resolved_by text,
    outcome text,
    body jsonb NOT NULL
);
CREATE INDEX alert_opened_at ON alert (opened_at);
CREATE TABLE alert_event (
    journal text NOT NULL,
    seq bigint NOT NULL,
    alert text NOT NULL,
    event text NOT NULL,
    at timestamptz NOT NULL,
    body jsonb NOT NULL,
    PRIMARY KEY (journal, seq)
);
CREATE INDEX alert_event_alert ON alert_event (alert);
