-- Whether a device shows what it is told (the native protocol's channel `command`).
ALTER TABLE device ADD COLUMN IF NOT EXISTS downlink boolean NOT NULL DEFAULT false;
