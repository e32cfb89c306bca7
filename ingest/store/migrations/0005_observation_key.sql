-- The device's own key of a happening, from which alerts take their ids: with it the history, replayed, raises
-- the alerts it raised live, by the same ids. Rows from before have none.
ALTER TABLE observation ADD COLUMN IF NOT EXISTS key text;
