"""How long `shouwang registry import` takes for the registry of a large home, as a whole."""

import resource
import statistics
import subprocess
import sys
import time
from pathlib import Path

from rich.console import Console
from rich.table import Table

PLACES, RESIDENTS, DEVICES = 4_000, 3_000, 20_000


def write(folder: Path) -> list[Path]:
    """Three CSV files of a home with so many places, residents and devices."""
    rows = {
        "places": [
            "id,kind,name,parent,timezone",
            "home,site,Home,,Asia/Shanghai",
            *(f"floor-{n},floor,Floor {n},home," for n in range(40)),
            *(f"room-{n},room,Room {n},floor-{n % 40}," for n in range(PLACES - 41)),
        ],
        "residents": [
            "id,place,name,care_level,away",
            *(f"resident-{n},room-{n},Resident {n},{n % 3 + 1},no" for n in range(RESIDENTS)),
        ],
        "devices": [
            "id,kind,model,resident,place,calls,supervision",
            *(
                f"dev-{n},bed sensor,Model {n % 50},{f'resident-{n % RESIDENTS}' if n % 2 else ''},"
                f"room-{n % (PLACES - 41)},{'yes' if n % 7 == 0 else 'no'},25h"
                for n in range(DEVICES)
            ),
        ],
    }
    files = []
    for name, lines in rows.items():
        files.append(folder / f"{name}.csv")
        files[-1].write_text("\n".join(lines) + "\n", "utf-8")
    return files


def tell(out: Console, folder: Path, runs: int = 3) -> None:
    """Import into fresh folders, and once more on top of what is there; print how long each took."""
    files = write(folder)
    first: list[tuple[float, float]] = []
    again: list[tuple[float, float]] = []
    for run in range(runs):
        for took in (first, again):
            began, cpu = time.monotonic(), _cpu_s()
            command = [sys.executable, "-m", "ingest", "registry", "import", "--data", folder / f"data-{run}"]
            subprocess.run([*command, *files], check=True, capture_output=True)
            took.append((time.monotonic() - began, _cpu_s() - cpu))
    table = Table("registry import", "elapsed", "CPU")
    table.title = f"seconds for {DEVICES} devices, {PLACES} places, {RESIDENTS} residents, medians"
    for name, took in (("into an empty folder", first), ("again on top", again)):
        table.add_row(name, *(f"{statistics.median(times):.1f}" for times in zip(*took, strict=True)))
    out.print(table)


def _cpu_s() -> float:
    """CPU seconds of the programs that ended so far."""
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime
