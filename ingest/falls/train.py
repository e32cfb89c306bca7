"""Trains the models that judge impacts, and writes their card: `python -m ingest.falls.train FILE...`.

Rule: reproducible: the same recordings, seed and library versions give the same files, byte for byte.
"""

from pathlib import Path
from typing import Annotated

import numpy as np
import typer
from rich.progress import Progress

from ingest.falls.boosting import Table
from ingest.falls.card import Card, draw
from ingest.falls.dataset import prepare
from ingest.falls.faults import sorted_out
from ingest.falls.people import PEOPLE, listed
from ingest.falls.recordings import Recording, Unreadable, read
from ingest.falls.validation import FOLDS, Confidences, transferred, unseen
from rules.falls.model import POSITIONS, Stage, Trees, write

_HERE = Path(__file__).parents[2] / "rules" / "falls" / "models"
_CURVES = "curves.png"

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)


@app.command()
def train(
    files: Annotated[list[Path], typer.Argument(help="Recordings in the tidy form, parquet or CSV.")],
    output: Annotated[Path, typer.Option(help="Folder for the models and their card.")] = _HERE,
    seed: Annotated[int, typer.Option(help="Of all that is drawn by lot.")] = 1,
    without: Annotated[list[str] | None, typer.Option(help="Leave this set out; may be repeated.")] = None,
    transfer: Annotated[
        list[str] | None, typer.Option(help="Also test a model that never saw this set.")
    ] = None,
    validate: Annotated[bool, typer.Option(help="Measure on people never seen and write the card.")] = True,
) -> None:
    """Train one model for each body position.

    Example: python -m ingest.falls.train falls/*.parquet --transfer umafall_wrist
    """
    with Progress() as progress:
        step = progress.add_task("reading recordings", total=len(files))
        recordings: list[Recording] = []
        for path in files:
            try:
                recordings += [one for one in read(path) if one.dataset not in (without or [])]
            except Unreadable as error:
                typer.echo(str(error), err=True)
                raise typer.Exit(2) from error
            progress.advance(step)
        recordings, refused = sorted_out(recordings)
        for each in refused:
            typer.echo(f"left out: {each.name}: {each.reason} ({each.seen})", err=True)
        names = {one.dataset for one in recordings}
        for name in transfer or []:
            if name not in names:
                typer.echo(f"no set is named {name}: {', '.join(sorted(names))}", err=True)
                raise typer.Exit(2)
        step = progress.add_task("impacts and their features", total=None)
        impacts = prepare(recordings)
        if not (impacts.what == 1).any() or not (impacts.what == 0).any():
            typer.echo(
                "to learn from takes falls and daily life with impacts: give more recordings", err=True
            )
            raise typer.Exit(2)
        table = Table(impacts, seed)
        progress.update(step, total=1, completed=1)
        step = progress.add_task("models", total=len(POSITIONS) * len(Stage))
        everything = np.ones(len(table.what), np.bool_)
        models: dict[str, bytes] = {}
        for position in POSITIONS:
            forests = {}
            for stage in Stage:
                forests[stage] = table.train(position, stage, everything, seed)
                progress.advance(step)
            models[position] = write(Trees(forests))
        output.mkdir(parents=True, exist_ok=True)
        for position, data in models.items():
            (output / f"{position}.npz").write_bytes(data)
        (output / PEOPLE).write_text(listed(recordings), encoding="utf-8")
        if not validate:
            return
        step = progress.add_task("people never seen", total=len(POSITIONS) * len(Stage) * FOLDS)
        found = unseen(table, seed, lambda: progress.advance(step))
        progress.update(step, completed=len(POSITIONS) * len(Stage) * FOLDS)
        never: dict[str, Confidences] = {}
        for name in progress.track(transfer or [], description="sets never seen"):
            never[name] = transferred(table, name, seed)
        card = Card(impacts, found, never, models, seed, _CURVES)
        draw(card, output / _CURVES)
        (output / "README.md").write_text(card.text() + "\n", encoding="utf-8")


if __name__ == "__main__":
    app()
