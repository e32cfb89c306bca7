"""The history read back: what was stored, as it was, in the order in which it came."""

from collections.abc import Iterable, Iterator

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from devices.metrics import METRICS, Kind
from devices.observation import Observation, Quality
from devices.reading import TimeSource, Value
from ingest.store.history import BELATED_MS, observations
from ingest.store.partitions import ensure_months
from ingest.store.rows import COPY, HEAD, TAIL, pack
from ingest.store.schema import migrate

pytestmark = pytest.mark.integration

T0 = 1_790_000_000_000
DAY = 86_400_000
_EVERYTHING = (0, 2 * T0)


@pytest.fixture
def database(dsn: str) -> Iterator[psycopg.Connection]:
    """A database up to date."""
    with psycopg.connect(dsn, autocommit=True) as connection:
        migrate(connection)
        yield connection


def store(database: psycopg.Connection, entries: Iterable[tuple[int, list[Observation]]]) -> None:
    """Store these journal entries as the service does."""
    kept = list(entries)
    if database.execute("SELECT relkind = 'p' FROM pg_class WHERE relname = 'observation'").fetchone() == (
        True,
    ):
        ensure_months(database, (o for _, told in kept for o in told), set())
    with database.cursor().copy(COPY) as copy:
        copy.write(HEAD)
        for seq, told in kept:
            copy.write(pack(seq, told))
        copy.write(TAIL)


_TEXTS = st.text(st.characters(exclude_categories=("Cs", "Cc")), max_size=12)


@st.composite
def _observations(draw: st.DrawFn) -> Observation:
    metric = draw(
        st.sampled_from(["heart_rate", "body_temperature", "sos", "bed_occupied", "door_open", "posture"])
    )
    value: Value
    match METRICS[metric].kind:
        case Kind.QUANTITY:
            value = draw(st.floats(0, 300))
        case Kind.STATE:
            value = draw(st.booleans())
        case Kind.EVENT:
            value = True
        case Kind.ENUM:
            value = draw(_TEXTS.filter(bool))
    received_at = T0 + draw(st.integers(0, 3))  # many at one ms
    return Observation(
        device=draw(_TEXTS),
        metric=metric,
        value=value,
        at=received_at - draw(st.integers(-60_000, DAY)),
        received_at=received_at,
        quality=draw(st.sampled_from(Quality)),
        at_source=draw(st.sampled_from(TimeSource)),
        site=draw(_TEXTS),
        resident=draw(_TEXTS),
        place=draw(_TEXTS),
        late=draw(st.booleans()),
        key=draw(_TEXTS),
        detail=draw(_TEXTS),
        confidence=draw(st.none() | st.integers(0, 100).map(lambda percent: percent / 100)),
        by=draw(_TEXTS),
        device_at=draw(st.none() | st.integers(0, 2 * T0)),
        utc_offset=draw(st.none() | st.integers(-900, 900)),
    )


@given(entries=st.lists(st.lists(_observations(), min_size=1, max_size=3), max_size=5))
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_what_comes_out_is_what_went_in(
    database: psycopg.Connection, entries: list[list[Observation]]
) -> None:
    database.execute("TRUNCATE observation")
    told = [[o._replace(received_at=entry[0].received_at) for o in entry] for entry in entries]
    store(database, enumerate(told, start=1))
    came = sorted(told, key=lambda entry: entry[0].received_at)  # stable: then as in the journal
    found = list(observations(database, *_EVERYTHING))
    assert found == [o for entry in came for o in entry]
    assert [type(o.value) for o in found] == [type(o.value) for entry in came for o in entry]


def heart_rate(received_at: int, resident: str = "ann", *, at: int | None = None) -> Observation:
    return Observation(
        "d", "heart_rate", 70.0, received_at if at is None else at, received_at, resident=resident
    )


def test_from_a_time_until_before_another(database: psycopg.Connection) -> None:
    told = [heart_rate(T0 + n * DAY) for n in range(4)]
    store(database, [(1, told)])
    assert list(observations(database, T0 + DAY, T0 + 3 * DAY)) == told[1:3]


def test_of_one_resident(database: psycopg.Connection) -> None:
    ann, bob = heart_rate(T0), heart_rate(T0 + 1, "bob")
    store(database, [(1, [ann]), (2, [bob])])
    assert list(observations(database, *_EVERYTHING, "bob")) == [bob]


def test_what_was_told_long_after_it_was_is_found_where_it_came(database: psycopg.Connection) -> None:
    belated = heart_rate(T0, at=T0 - BELATED_MS)
    store(database, [(1, [belated]), (2, [heart_rate(T0, at=T0 - BELATED_MS - 1)])])
    assert list(observations(database, T0, T0 + 1)) == [belated]


def test_more_than_is_read_at_once_comes_in_order(database: psycopg.Connection) -> None:
    told = [(seq, [heart_rate(T0 + (seq * 7919) % 12_007)]) for seq in range(1, 12_007)]
    store(database, told)
    found = list(observations(database, *_EVERYTHING))
    assert [o.received_at for o in found] == sorted(o.received_at for _, (o,) in told)


def test_a_reader_that_stops_in_the_middle_leaves_a_connection_that_works(
    database: psycopg.Connection,
) -> None:
    store(database, [(1, [heart_rate(T0 + n) for n in range(20_000)])])
    reading = observations(database, *_EVERYTHING)
    assert next(reading).received_at == T0
    reading.close()  # type: ignore[attr-defined]
    assert len(list(observations(database, *_EVERYTHING))) == 20_000
