"""What tests of ingest share: a pipeline on real files."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.ingest.works import Works, works


@pytest.fixture
async def at_work(tmp_path: Path) -> "Iterator[Works]":  # type: ignore[misc]
    with works(tmp_path) as made:
        yield made
