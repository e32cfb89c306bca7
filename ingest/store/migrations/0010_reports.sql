-- Reports read the alerts that were raised before a period's end and not resolved before its beginning.
CREATE INDEX IF NOT EXISTS alert_raised_at ON alert (raised_at);
CREATE INDEX IF NOT EXISTS alert_resolved_at ON alert (resolved_at);
