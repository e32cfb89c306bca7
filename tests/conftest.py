"""What tests of several packages share: a PostgreSQL of their own, and brokers of both kinds."""

import os
import time
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import psycopg
import pytest
from hypothesis import settings
from psycopg import sql
from psycopg.conninfo import make_conninfo

from ingest.embedded.postgres import EmbeddedPostgres
from tests.brokers import KINDS, AnyBroker, made
from tests.deadline import DEADLINE_S

settings.register_profile("untimed", deadline=None)  # speed is measured in `make bench`, never in a test
settings.register_profile("same", deadline=None, derandomize=True)  # a change is judged by what it changed
settings.load_profile(os.environ.get("SHOUWANG_EXAMPLES", "untimed"))

_GIVEN = os.environ.get("SHOUWANG_TEST_DSN", "")


@pytest.fixture(scope="session")
def postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedPostgres]:
    """An embedded server for the whole session."""
    with EmbeddedPostgres(tmp_path_factory.mktemp("postgres")) as server:
        yield server


@pytest.fixture(params=["embedded", *(["given"] if _GIVEN else [])])
def dsn(request: pytest.FixtureRequest) -> Iterator[str]:
    """A fresh database on the embedded server, and once more on that of SHOUWANG_TEST_DSN when it is set."""
    server = _GIVEN if request.param == "given" else request.getfixturevalue("postgres").dsn
    name = f"test_{uuid4().hex}"
    with psycopg.connect(server, autocommit=True) as database:
        database.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
    yield make_conninfo(server, dbname=name)
    _drop(server, name)


def _drop(server: str, name: str) -> None:
    """Once autovacuum is not in it: that only a superuser may end."""
    deadline = time.monotonic() + DEADLINE_S
    with psycopg.connect(server, autocommit=True) as database:
        while True:
            try:
                database.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))
            except psycopg.errors.InsufficientPrivilege:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.05)
            else:
                return


@pytest.fixture(params=KINDS)
def broker(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[AnyBroker]:
    """A running broker of each kind."""
    running = made(request.param, tmp_path)
    running.start()
    yield running
    running.stop()
