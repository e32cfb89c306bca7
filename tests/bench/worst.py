"""What the worst payloads cost: CPU time and memory from bytes to observations, by family.

The law (DESIGN section 3): no payload of up to 256 KiB takes more than 50 ms or 50 MB.
"""

from typing import NamedTuple

from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from devices.families import FAMILIES
from tests.devices.adversarial import Attack, attacks
from tests.fuzz.target import MOST_MB, MOST_MS, Place, Spent, spent

_HARDEST = 5


class _Cost(NamedTuple):
    attack: Attack
    spent: Spent


def tell(out: Console, most: int) -> None:
    """Try at most so many attacks on each family and print the worst."""
    table = Table("family", "attacks", "CPU ms", "by", "peak MB", "by")
    table.title = f"the worst payloads; at most {MOST_MS:.0f} ms and {MOST_MB:.0f} MB are allowed"
    with Progress(console=out, transient=True) as progress:
        for family in progress.track(FAMILIES, description="worst payloads"):
            once = [_cost(attack, runs=1) for attack in attacks(family, most=most)]
            slowest = sorted(once, key=lambda cost: cost.spent.cpu_ms)[-_HARDEST:]
            slow = max((_cost(cost.attack, runs=5) for cost in slowest), key=lambda cost: cost.spent.cpu_ms)
            large = max(once, key=lambda cost: cost.spent.peak_mb)
            table.add_row(
                family,
                str(len(once)),
                _told(slow.spent.cpu_ms, MOST_MS),
                slow.attack.name,
                _told(large.spent.peak_mb, MOST_MB),
                large.attack.name,
            )
    out.print(table)


def _cost(attack: Attack, runs: int) -> _Cost:
    return _Cost(attack, spent(Place(attack.seed.topic, attack.seed.model), attack.payload, runs))


def _told(value: float, most: float) -> str:
    return f"{value:.0f}" if value <= most else f"[red]{value:.0f}[/red]"
