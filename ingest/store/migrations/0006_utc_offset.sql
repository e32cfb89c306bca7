-- R-85: by how many minutes the clock of the device was ahead of UTC, where its message said so.
ALTER TABLE observation ADD COLUMN IF NOT EXISTS utc_offset smallint;
