"""Many recordings played in several processes. Rule: how many play changes nothing but the time it takes."""

import signal
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from ctypes import c_byte
from dataclasses import dataclass, field
from multiprocessing import get_context
from multiprocessing.sharedctypes import RawValue
from pathlib import Path

from ingest.falls.figures import Outcome, wrong
from ingest.falls.perturbing import PERTURBATIONS, PLAIN
from ingest.falls.picture import draw, file_name
from ingest.falls.play import placed, play
from ingest.falls.recordings import Recording
from ingest.falls.sending import Sending
from rules.configuration import default
from rules.falls.model import POSITIONS, Model, Stage, Trees, default_models, position_class, read
from rules.ruleset import RuleSet

WRONG = "wrong"
"""For `Work.only`: pictures of what went wrong."""

_FEW = 100
_AT_ONCE = 8


class Undrawn(RuntimeError):  # noqa: N818  it says which
    """A picture that could not be written, and why."""


@dataclass(frozen=True, slots=True)
class Work:
    """What is done with every recording: played with each of `perturbations`, and drawn into `pictures`."""

    models: Path | None = None
    sending: Sending = field(default_factory=Sending)
    perturbations: tuple[str, ...] = (PLAIN.name,)
    pictures: Path | None = None
    only: str = ""

    def drawn(self, outcome: Outcome) -> bool:
        """Whether there is a picture of this."""
        if self.pictures is None:
            return False
        return wrong(outcome) if self.only == WRONG else self.only in outcome.name


@dataclass(frozen=True, slots=True)
class Player:
    """Work and what it takes."""

    work: Work
    rules: RuleSet
    models: Mapping[str, Model]
    stopped: Callable[[], bool] = bool

    @classmethod
    def of(cls, work: Work, stopped: Callable[[], bool] = bool) -> "Player":
        """Read the models; raises OSError or ValueError where they cannot be."""
        models = default_models() if work.models is None else models_in(work.models)
        return cls(work, default(), models, stopped)

    def play(self, recording: Recording) -> tuple[Outcome, ...]:
        """The outcome of a recording, with each perturbation; raises `Stopped` once nobody waits for it."""
        return tuple(self._play(recording, name) for name in self.work.perturbations)

    def _play(self, recording: Recording, name: str) -> Outcome:
        perturbation = PERTURBATIONS[name]
        measured = perturbation.measured(recording)
        outcome, said = play(
            measured, self.rules, self.models, perturbation.sending(self.work.sending), self.stopped
        )
        if self.work.drawn(outcome) and self.work.pictures is not None:
            path = self.work.pictures / file_name(recording, "" if perturbation is PLAIN else name)
            limits = _limits(self.models[position_class(recording.position)])
            try:
                draw(measured, outcome, placed(measured, said), path, limits)
            except OSError as error:
                raise Undrawn(f"{path}: {error.strerror or error}") from error
        return outcome


def _limits(model: Model) -> tuple[float, float] | None:
    if not isinstance(model, Trees):
        return None
    return model.forests[Stage.PROVISIONAL].limit, model.forests[Stage.FINAL].limit


def models_in(folder: Path) -> Mapping[str, Model]:
    """The models of a folder, as `python -m ingest.falls.train` writes them; or an OSError or ValueError."""
    names = [f"{position}.npz" for position in POSITIONS]
    if missing := [name for name in names if not (folder / name).is_file()]:
        needed = f"a folder is needed with {', '.join(names)}, as python -m ingest.falls.train writes them"
        why = f"not there: {', '.join(missing)}"
        if not folder.is_dir():
            why = "no folder" if folder.exists() else "No such folder"
        raise ValueError(f"{folder}: {why}: {needed}")
    found: dict[str, Model] = {}
    for position in POSITIONS:
        path = folder / f"{position}.npz"
        try:
            found[position] = read(path.read_bytes())
        except ValueError as error:
            raise ValueError(f"{path}: {error}") from error
    return found


def played(
    recordings: Sequence[Recording], work: Work, jobs: int = 1, stopping: Callable[[], None] = lambda: None
) -> Generator[tuple[Outcome, ...]]:
    """The outcomes of each recording, in order; raises what `Player.of` does before the first.

    Who is interrupted is told `stopping` at once, and ends when nothing plays any more: soon.
    """
    player = Player.of(work)
    if jobs == 1 or len(recordings) * len(work.perturbations) < _FEW:
        with _told(stopping):
            yield from map(player.play, recordings)
        return
    # Not forked: a thread of ours may hold a lock just then.
    context = get_context("spawn")
    stop = RawValue(c_byte, 0)  # without a lock: who dies in it would hold it
    pool = ProcessPoolExecutor(jobs, context, _begin, (work, stop))
    try:
        with _told(stopping):
            yield from _found(pool, recordings, max(1, min(_AT_ONCE, len(recordings) // (4 * jobs))))
    finally:
        stop.value = 1
        pool.shutdown(cancel_futures=True)


@contextmanager
def _told(stopping: Callable[[], None]) -> Iterator[None]:
    try:
        yield
    except (KeyboardInterrupt, GeneratorExit):
        stopping()
        raise


def _found(
    pool: ProcessPoolExecutor, recordings: Sequence[Recording], at_once: int
) -> Iterator[tuple[Outcome, ...]]:
    # Ctrl-C is for us: who is started now never gets it, and it waits for us meanwhile.
    mine = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        return pool.map(_play, recordings, chunksize=at_once)
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, mine)


_PLAYERS: list[Player] = []  # of a worker: the one it plays with


def _begin(work: Work, stop: c_byte) -> None:
    _PLAYERS[:] = [Player.of(work, lambda: bool(stop.value))]


def _play(recording: Recording) -> tuple[Outcome, ...]:
    return _PLAYERS[0].play(recording)
