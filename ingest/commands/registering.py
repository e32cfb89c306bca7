"""`shouwang registry import / export`: who is cared for, where, with which devices.

Rule: all or nothing. A file with one wrong row changes nothing, and every wrong row is named.
"""

import os
import sys
import tempfile
from pathlib import Path
from typing import Annotated

import typer

from devices.catalogue import entries_of_any
from devices.registry import Registry
from devices.registry_files import Problem, write
from ingest.commands.console import USAGE, end, end_with, registry_problems, told

FILE = "registry.toml"
"""The registry's place in the data folder."""

_UNCHANGED = "nothing was changed"
_MOST_NAMED = 10

_Data = Annotated[Path, typer.Option(help="The service's data folder.", file_okay=False)]


def stored(data: Path, more: list[Path]) -> Registry | list[Problem]:
    """The registry of a data folder with the files of a configuration on top."""
    base = data / FILE
    return registry_problems([*([base] if base.exists() else []), *more])


def unknown_models(registry: Registry) -> str:
    """What to say of registered models that the catalogue does not know; "" when it knows them all."""
    models = sorted({device.model for device in registry.devices.values() if device.model})
    unknown = [model for model in models if not entries_of_any(model)]
    if not unknown:
        return ""
    more = f" and {len(unknown) - _MOST_NAMED} more" if len(unknown) > _MOST_NAMED else ""
    named = ", ".join(unknown[:_MOST_NAMED]) + more
    return f"models not in devices/README.md, so what only a model tells is left: {named}"


def import_(
    files: Annotated[list[Path], typer.Argument(help="CSV tables or TOML files.")],
    data: _Data = Path("shouwang-data"),
) -> None:
    """Add residents, places and devices, or change those with the same id.

    CSV headers are id,kind,name,parent,timezone (places), id,place,name,care_level,away (residents) and
    id,kind,model,resident,place,site,gateway,calls,supervision,downlink (devices); columns may be missing.

    Residents may have more columns: visit_tier (high, key, general), spo2_scale (1, 2), oxygen (air, oxygen),
    and the nine risks (low, medium, high; empty: not assessed 未评估): risk_choking, risk_intake,
    risk_pressure_ulcer, risk_scald, risk_bed_fall, risk_fall, risk_going_missing, risk_harm, risk_activity.

    A running service reads the registry when it starts.
    """
    before = stored(data, [])
    if isinstance(before, list):
        end_with(before, so=_UNCHANGED)
    after = registry_problems(files, before)
    if isinstance(after, list):
        end_with(after, so=_UNCHANGED)
    try:
        _replace(data / FILE, write(after))
    except OSError as error:
        end(f"{data}: {error.strerror}")
    told.print(
        f"{len(after.residents)} residents, {len(after.places)} places, {len(after.devices)} devices"
        f" in {data} (a running service takes them at its next start)",
        markup=False,
    )
    if doubt := unknown_models(after):
        told.print(f"note: {doubt}", style="yellow", markup=False)


def export(data: _Data = Path("shouwang-data")) -> None:
    """Print the registry as TOML."""
    if not (data / FILE).exists():
        end(f"no registry in {data}: name the service's data folder with --data", USAGE)
    found = stored(data, [])
    if isinstance(found, list):
        end_with(found)
    sys.stdout.buffer.write(write(found).encode())  # UTF-8 as import reads it, whatever the terminal speaks


def _replace(path: Path, text: str) -> None:
    """Write a file whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=path.name)
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    Path(name).replace(path)
