-- What the device's own clock said, where `at` is another time because that clock is at fault (R-87, R-91).
ALTER TABLE observation ADD COLUMN IF NOT EXISTS device_at timestamptz;
