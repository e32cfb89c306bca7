"""What the simulators' tests share: recorded houses, and small ones."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest


@pytest.fixture
def kasteren() -> Path:
    """The recorded houses, which are not part of the repository."""
    shared = Path(os.environ.get("SHOUWANG_SHARED", Path(__file__).parents[3] / "shared"))
    log = shared / "replay" / "kasteren.events.csv.gz"
    if not log.exists():
        pytest.skip(f"no recorded houses: {log} (set SHOUWANG_SHARED)")
    return log


@pytest.fixture
def small_log(tmp_path: Path) -> Callable[[str], Path]:
    """Writes rows as a log that `simulators/maps/kasteren.toml` can read."""

    def write(rows: str) -> Path:
        path = tmp_path / "log.csv"
        path.write_text("house,ts_epoch_s,sensor_id,sensor_name,value\n" + rows)
        return path

    return write
