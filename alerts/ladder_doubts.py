"""Whom a ladder would tell in vain, known before somebody calls.

Rule: only who may be told by a channel, now or ever, must have an address for it.
"""

from collections.abc import Iterator, Mapping, Sequence

from alerts.duty import ALL
from alerts.duty_file import DutyFile
from alerts.ladder import Ladder

_PERSON = "person:"
_MOST = 10


def unreachable(
    ladders: Sequence[Ladder], duty: DutyFile, kinds: Mapping[str, Sequence[str]]
) -> Iterator[str]:
    """Per channel the people whom ladders tell by it, and who lack an address that it asks for.

    `kinds`: the kinds of address that each channel asks for, as `{"push": ["ntfy"]}`.
    """
    for channel, asked in kinds.items():
        told = {
            to for ladder in ladders for step in ladder.steps if channel in step.channels for to in step.to
        }
        people = sorted(_people(duty, told))
        for kind in asked:
            lacking = [one for one in people if not duty.people[one].addresses.get(kind)]
            if lacking:
                yield (
                    f"channel {channel} cannot tell {_few(lacking)}: no address of kind {kind} in the duty"
                    " file 值班表里缺少该渠道的联系方式"
                )


def _people(duty: DutyFile, told: set[str]) -> set[str]:
    """Those who are named, and all who may ever have one of these roles."""
    named = {to.removeprefix(_PERSON) for to in told if to.startswith(_PERSON)}
    for shift in duty.shifts:
        if shift.role in told or ALL in told:
            named.update(person for crew in (*shift.turns, *shift.listed.values()) for person in crew)
    return named & duty.people.keys()


def _few(ids: Sequence[str]) -> str:
    more = f" and {len(ids) - _MOST} more" if len(ids) > _MOST else ""
    return f"{', '.join(ids[:_MOST])}{more}"
