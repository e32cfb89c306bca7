-- `payload` is sealed with the service's key (topic and bytes as they came); `shown` is the payload without
-- secrets and personal identifiers, and `topic` likewise. `understood_at`: a retry stored all it can say.
ALTER TABLE quarantine
    ADD COLUMN IF NOT EXISTS id bigint GENERATED ALWAYS AS IDENTITY UNIQUE,
    ADD COLUMN IF NOT EXISTS family text NOT NULL DEFAULT '',
    ADD COLUMN IF NOT EXISTS shown text NOT NULL DEFAULT '',
    ADD COLUMN IF NOT EXISTS sealed boolean NOT NULL DEFAULT false,
    ADD COLUMN IF NOT EXISTS retained boolean NOT NULL DEFAULT false,
    ADD COLUMN IF NOT EXISTS retried_at timestamptz,
    ADD COLUMN IF NOT EXISTS understood_at timestamptz,
    ADD COLUMN IF NOT EXISTS stored integer NOT NULL DEFAULT 0;
CREATE INDEX IF NOT EXISTS quarantine_waiting ON quarantine (id) WHERE understood_at IS NULL;
