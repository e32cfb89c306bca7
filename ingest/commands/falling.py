"""`shouwang falls`: how well falls are seen in recordings of accelerometers.

Rule: played through the same code as live; nothing is counted that was not called.
"""

import os
import signal
from concurrent.futures.process import BrokenProcessPool
from contextlib import closing
from pathlib import Path
from tempfile import TemporaryFile
from typing import Annotated

import typer
from rich.progress import Progress

from ingest.commands.console import USAGE, bare, end, end_with, told
from ingest.commands.falling_shown import print_figures, print_json, refusals
from ingest.falls.crew import WRONG, Undrawn, Work, models_in, played
from ingest.falls.faults import heavy, sorted_out
from ingest.falls.figures import Outcome, Refused, by_set
from ingest.falls.people import trained_on
from ingest.falls.perturbing import PERTURBATIONS, PLAIN, Perturbation
from ingest.falls.recordings import Recording, Unreadable, read, told_apart
from ingest.falls.sending import Sending

app = typer.Typer(
    help="Falls seen in the accelerometer: how well, in recordings. 加速度计跌倒识别：用录制数据评估",
    epilog="Example: shouwang falls evaluate sisfall.parquet --pictures pictures --only wrong",
    no_args_is_help=True,
)
_ALL = "all"


@app.callback()
def _group() -> None:
    """Keep `falls` a group, however few commands it has."""


@app.command(
    epilog="Example: shouwang falls evaluate sisfall.parquet weda_fall.parquet --json > figures.jsonl"
)
def evaluate(
    files: Annotated[
        list[Path],
        typer.Argument(
            help="Recordings in the tidy form, parquet or CSV: one row is one sample.", metavar="FILE..."
        ),
    ],
    as_json: Annotated[bool, typer.Option("--json", help="JSON lines, one a set; no table.")] = False,
    window_s: Annotated[
        float, typer.Option("--window", min=0.1, max=30.0, help="Seconds of signal in one message.")
    ] = 1.0,
    models: Annotated[
        Path | None, typer.Option(help="A folder of models; those that come with the program when missing.")
    ] = None,
    pictures: Annotated[
        Path | None, typer.Option(help="A folder for a picture (PNG) of each recording.")
    ] = None,
    only: Annotated[
        str, typer.Option(help="Pictures only of names with this in them; wrong: of what went wrong.")
    ] = "",
    perturb: Annotated[
        list[str] | None,
        typer.Option(help=f"What is done to them, besides; all, or some of: {', '.join(PERTURBATIONS)}."),
    ] = None,
    jobs: Annotated[int, typer.Option(min=1, max=64, help="Processes that play.")] = os.cpu_count() or 1,
) -> None:
    """Play recordings through the real path and tell how well falls are seen.

    用录制数据评估跌倒识别：灵敏度、特异度、每小时误报、延迟。Each recording is a device of its own that
    sends windows over the native protocol. A set is a dataset at a body position. Shares have Wilson's 95 %
    interval, rates that of a Poisson count. "By 1.0 s" counts as if no decision came later than that after
    an impact. A set of people whom the models were trained on is marked *: of others expect less.

    The columns that a file must have, one row a sample 必需的列，每行一个采样:

    t_s: when, in seconds 秒, not ms. ax_g, ay_g, az_g: in g, gravity included; m/s² divided by 9.80665.

    is_fall: 1 in all rows of a recording of a fall 跌倒, 0 in others.

    sensor_position: where it is worn, in words: waist, hip, pocket, chest; wrist, watch, arm. Other words:
    anywhere else.

    And those that it may have 可选的列:

    dataset, subject, activity_code, trial: rows with the same four at one position are one recording
    一次录制, of one device; from where t_s begins anew, the next one (trial #2). age_group: any words,
    figures are given for each. fall_start_s, fall_end_s: like t_s, where somebody noted them.

    The first lines of a small one 例:

        sensor_position,activity_code,is_fall,t_s,ax_g,ay_g,az_g
        wrist,from the bed,1,0.00,0.02,-0.98,0.11
        wrist,from the bed,1,0.02,0.03,-0.99,0.10

    Recordings shorter than 1 s, of a rate that is not 5 to 1000 Hz, or beyond 400 g are named and not
    counted. A file that cannot be read ends all, with everything that is wrong with each
    任何一个文件有错则全部不评估.
    """
    chosen = _perturbations(perturb or [])
    if only and pictures is None:
        end("--only: of which pictures? Name a folder for them: --pictures FOLDER", USAGE)
    taught = _checked(models)
    recordings, refused = _read(files)
    if not recordings:
        if as_json:
            print_json([(PLAIN, one) for one in by_set((), refused, taught)])
        end_with(map(bare, refusals(refused)), so="there is no recording that can be played")
    if pictures is not None:
        _prepare(pictures)
        if only != WRONG and not any(only in one.name for one in recordings):
            told.print(
                f"--only {only}: no recording has this in its name: no pictures", style="yellow", markup=False
            )
    work = Work(
        models=models,
        sending=Sending(window_s),
        perturbations=tuple(one.name for one in chosen),
        pictures=pictures,
        only=only,
    )
    came = _played(recordings, work, jobs)
    found = [
        (one, figures)
        for one, outcomes in zip(chosen, zip(*came, strict=True), strict=True)
        for figures in by_set(outcomes, refused, taught)
    ]
    found.sort(key=lambda pair: pair[1].group)
    (print_json if as_json else print_figures)(found)
    if left_out := sum(one.left_out for one in recordings):
        told.print(f"rows without a number, left out: {left_out}", style="yellow", markup=False)
    if pictures is not None:
        drawn = sum(work.drawn(outcome) for outcomes in came for outcome in outcomes)
        told.print(f"pictures 图片: {drawn} in {pictures}", markup=False)


def _read(files: list[Path]) -> tuple[list[Recording], list[Refused]]:
    """What can be played of all files, and what not; ends the program with all that is wrong with these."""
    found: list[Recording] = []
    problems: list[Unreadable] = []
    for path in files:
        try:
            found += read(path)
        except Unreadable as problem:
            problems.append(problem)
    if problems:
        end_with(bare(str(problem)) for problem in problems)
    good, refused = sorted_out(told_apart(found))
    if strong := heavy(good):
        name, level = strong[0]
        others = f" and {len(strong) - 1} more" if strong[1:] else ""
        told.print(
            f"{bare(name)}{others}: at rest this measures {level:.1f} g: is it m/s²? divide by 9.80665 "
            f"(windows of 1 s or more are read so). 静止时为 {level:.1f} g：单位是 m/s² 吗？请除以 9.80665",
            style="yellow",
            markup=False,
        )
    return good, refused


def _played(recordings: list[Recording], work: Work, jobs: int) -> list[tuple[Outcome, ...]]:
    """The outcomes of each recording, one for each perturbation."""
    found: list[tuple[Outcome, ...]] = []
    try:
        with (
            Progress(console=told, transient=True) as progress,
            closing(played(recordings, work, jobs, _stopping)) as outcomes,
        ):
            task = progress.add_task("playing 播放", total=len(recordings))
            for each in outcomes:
                found.append(each)
                progress.advance(task)
    except BrokenProcessPool:
        end("a process that played has died, perhaps for want of memory: try --jobs 1")
    except Undrawn as problem:
        end(f"--pictures: cannot be written: {problem}")
    return found


def _stopping() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # once is enough
    told.print("stopping 正在停止", style="yellow")


def _perturbations(names: list[str]) -> list[Perturbation]:
    """As recorded, and what was asked for, each once."""
    names = [name for said in names for name in map(str.strip, said.split(",")) if name]
    unknown = [name for name in names if name != _ALL and name not in PERTURBATIONS]
    if unknown:
        end(f"--perturb: {', '.join(unknown)} is none of {_ALL}, {', '.join(PERTURBATIONS)}", USAGE)
    if _ALL in names:
        return list(PERTURBATIONS.values())
    return [PERTURBATIONS[name] for name in dict.fromkeys((PLAIN.name, *names))]


def _checked(models: Path | None) -> frozenset[str]:
    """The people whom the models were trained on, once these can be read; else ends the program."""
    try:
        if models is not None:
            models_in(models)
        return trained_on(models)
    except (OSError, ValueError) as error:
        end(error, USAGE)


def _prepare(pictures: Path) -> None:
    try:
        import matplotlib as mpl  # noqa: F401
    except ImportError:
        end("--pictures: they are drawn with matplotlib: pip install 'shouwang[falls]'", USAGE)
    try:
        pictures.mkdir(parents=True, exist_ok=True)
        with TemporaryFile(dir=pictures):
            pass
    except FileExistsError:
        end(f"--pictures: {pictures} is a file: name a folder", USAGE)
    except OSError as error:
        why = error.strerror or error
        end(f"--pictures: {pictures} cannot be written: {why}: name a folder in which you may write", USAGE)
