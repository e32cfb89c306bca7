"""No crash changes what was decided or stored."""

import asyncio
import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from devices.message import Message
from ingest.feed import SLICE
from ingest.journal import Entry
from tests.ingest.works import T0, Works, message, metrics_of, sos, works


class TestCheckpoints:
    """What a checkpoint may say, and when."""

    async def test_none_is_written_before_the_alert_is_recorded(self, tmp_path: Path) -> None:
        recorded = asyncio.Event()

        async def until_recorded() -> None:
            await recorded.wait()

        with works(tmp_path, until_recorded) as at_work:
            await at_work.take(sos(id="s"))
            saving = asyncio.create_task(at_work.pipeline.save())
            await at_work.journal.transact(lambda _: None)
            assert not saving.done()
            at_work.crash()
            assert len(at_work.decided) == 2, "not recorded, so decided again"
            saving.cancel()
            recorded.set()
            await at_work.pipeline.save()
            at_work.crash()
            assert len(at_work.decided) == 2
            assert at_work.pipeline.saved == 1

    async def test_a_cancelled_save_loses_nothing_of_the_next(self, tmp_path: Path) -> None:
        recorded = asyncio.Event()

        async def until_recorded() -> None:
            await recorded.wait()

        with works(tmp_path, until_recorded) as at_work:
            await at_work.take(sos(id="first"))
            saving = asyncio.create_task(at_work.pipeline.save())
            await at_work.journal.transact(lambda _: None)
            saving.cancel()
            with pytest.raises(asyncio.CancelledError):
                await saving
            recorded.set()
            await at_work.take(sos(id="second"), sos(id="first"))
            await at_work.pipeline.save()
            at_work.crash()
            await at_work.take(sos(id="first"), sos(id="second"))
            assert len(at_work.decided) == 2
            assert (
                metrics_of([o for entry in await at_work.stored() for o in entry.observations])
                == [("sos", True)] * 2
            )


async def test_a_call_that_went_ahead_is_not_taken_for_its_own_repeat_after_a_crash(tmp_path: Path) -> None:
    """However the entries up to it fall into slices: its row is stored, its fate counted once."""
    with works(tmp_path) as at_work:
        before = [message("telemetry", {"heart_rate": 70, "id": f"t{number}"}) for number in range(SLICE - 8)]
        calls = [sos(id=f"press-{number}") for number in range(16)]  # in this slice and the next
        await at_work.take(*before, *calls)
        await at_work.pipeline.save()  # the calls are processed, what came before them is not
        at_work.crash()
        rows = metrics_of([o for entry in await at_work.stored() for o in entry.observations])
        assert rows.count(("sos", True)) == len(calls)
        assert at_work.fates() == {"observed": len(before) + len(calls)}


_PAYLOADS = st.sampled_from(
    [
        ("telemetry", {"heart_rate": 70}),
        ("telemetry", {"heart_rate": 70, "id": "a"}),
        ("telemetry", {"heart_rate": 71, "ts": T0}),
        ("telemetry", [{"heart_rate": 70, "id": "a"}, {"spo2": 97, "id": "b"}, {"spo2": 200, "ts": T0}]),
        ("telemetry", {"sos": True, "heart_rate": 70, "id": "c"}),
        ("telemetry", {"pulse": 1}),
        ("event", {"event": "sos", "id": "a"}),
        ("event", {"event": "sos", "id": "b", "ts": T0}),
        ("event", {"event": "sos"}),
        ("event", {"event": "sos", "state": "cleared", "id": "a"}),
        ("event", {"event": "fall", "ts": T0}),
        ("event", {"event": "visit"}),
        ("status", b"online"),
        ("event", b"broken"),
    ]
)
_STEPS = st.lists(
    st.tuples(
        st.just("take"),
        st.lists(st.tuples(_PAYLOADS, st.booleans(), st.sampled_from(["d1", "d2"])), max_size=6),
    )
    | st.sampled_from([("work", []), ("save", []), ("crash", []), ("store", []), ("store little", [])]),
    max_size=14,
)


@given(_STEPS)
@settings(max_examples=120, deadline=None)
def test_crashes_change_neither_decisions_nor_rows(steps: list[tuple[str, list[object]]]) -> None:
    """Whatever is taken, saved and stored between crashes: as if there had been none."""
    messages: list[Message] = []
    for _, given_messages in steps:
        for (channel, payload), dup, device in given_messages:  # type: ignore[misc]
            messages.append(message(channel, payload, device, T0 + len(messages), dup=dup))
    with tempfile.TemporaryDirectory() as folder:
        decided, rows = asyncio.run(_lived_through(Path(folder), steps, messages))
        expected_decided, expected_rows = asyncio.run(
            _lived_through(Path(folder) / "calm", [("take", messages)], messages)
        )
    assert decided == expected_decided
    assert rows == expected_rows


async def _lived_through(
    folder: Path, steps: list[tuple[str, list[object]]], messages: list[Message]
) -> tuple[set[object], dict[int, object]]:
    """The decisions by what makes them the same one, and the rows a store has that remembers its position."""
    rows: dict[int, object] = {}
    position = 0

    async def store(at_work: Works, most: int) -> None:
        nonlocal position
        for entry in await at_work.pipeline.feed.take(position, most):
            assert entry.seq == position + 1, "in order, none twice, none missing"
            position = entry.seq
            rows[position] = (entry.observations, entry.rejected, entry.message)

    with works(folder) as at_work:
        waiting: list[Entry] = list(await at_work.journalled())
        for step, its in steps:
            match step:
                case "take":
                    taken = messages[len(at_work.durable) : len(at_work.durable) + len(its)]
                    waiting = await at_work.take(*taken)
                case "work" if waiting:
                    at_work.pipeline._slice()
                case "save":
                    await at_work.pipeline.save()
                case "crash":
                    at_work.crash()
                case "store":
                    await store(at_work, 1000)
                case "store little":
                    await store(at_work, 2)
        at_work.pipeline.drain()
        await store(at_work, 100_000)
        assert position == len(messages) == at_work.pipeline.position
        assert not at_work.pipeline._ahead
        decided: set[object] = {
            (d.rule, d.subject, d.change, d.evidence.key, d.evidence.received_at) for d in at_work.decided
        }
    return decided, rows
