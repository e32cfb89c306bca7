-- What the registry knows of a resident since: who visits how often, oxygen, and the levels of assessed risks.
ALTER TABLE resident
    ADD COLUMN IF NOT EXISTS visit_tier text NOT NULL DEFAULT '',
    ADD COLUMN IF NOT EXISTS spo2_scale integer NOT NULL DEFAULT 1,
    ADD COLUMN IF NOT EXISTS oxygen text NOT NULL DEFAULT '',
    ADD COLUMN IF NOT EXISTS risks jsonb NOT NULL DEFAULT '{}';
