"""The states of an alert as a picture, made of the tables by which alerts move: `python -m alerts.diagram`.

Rule: what is drawn is `TRANSITIONS` and `TOLD`, edge for edge; what stays where it is is not drawn.
"""

from alerts.episode import TOLD, TRANSITIONS
from alerts.event import State, Told

HEAD = """# The life of an alert 警报的生命周期

Made by `make states` from the tables in `alerts/episode.py`; a test keeps it true. 由状态表生成。

- **open** 未接手: nobody has charge. `told` says how far calling came: raised, notified, delivered.
  The ladder climbs by time, or 8 s after a step that reached nobody, and begins again until
  somebody answers (`alerts/ladder.py`).
- **acknowledged** 已接手: a named person took charge, until the lease ends (5 min high, 30 min
  medium): then `lapsed`, and the ladder begins from the top.
- **on_site** 已到场: somebody is with the resident.
- **resolved** 已处理: a named person said what it was.
- **shelved** 暂缓, **out_of_service** 维护中: it calls nobody for now, and says until when.
- **asking** 询问住户: the resident is asked first, on her own device, where a
  rule says `ask`; no answer calls.
- Evidence that calls brings an alert back to open from everywhere: a new fall is never part of
  an old answer.

```mermaid
stateDiagram-v2
    [*] --> open : opened
    [*] --> asking : opened
    [*] --> shelved : opened
    [*] --> out_of_service : opened
    resolved --> [*]
"""


def mermaid() -> str:
    """The page: words, then the diagram (Mermaid stateDiagram-v2)."""
    inside = [
        f"        {before} --> {after} : {event}"
        for (before, event), after in TOLD.items()
        if before is not after
    ]
    edges: dict[tuple[State, State], list[str]] = {}
    for (before, event), after in TRANSITIONS.items():
        if before is not after:
            edges.setdefault((before, after), []).append(event)
    lines = [
        "    state open {",
        f"        [*] --> {Told.RAISED}",
        *inside,
        "    }",
        *(f"    {before} --> {after} : {', '.join(events)}" for (before, after), events in edges.items()),
    ]
    return HEAD + "\n".join(lines) + "\n```\n"


if __name__ == "__main__":
    import sys

    sys.stdout.write(mermaid())
