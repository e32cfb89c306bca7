"""How people are shown how well falls are seen. Rule: every figure with its 95 % interval and of how many."""

from collections.abc import Iterable, Sequence

from rich.table import Table

from ingest.commands.console import bare, json_line
from ingest.commands.quarantine_shown import console
from ingest.falls.figures import Delays, Figures, Rate, Refused, SetFigures, Share
from ingest.falls.perturbing import PLAIN, Perturbation

Found = Sequence[tuple[Perturbation, SetFigures]]
"""The figures of every set, as recorded and with everything that was done to it."""

_COLUMNS = (
    "falls seen 灵敏度",
    "others quiet 特异度",
    "false/h 误报",
    "delay 延迟 s",
    "from start 自跌倒 s",
)
_LEGEND = (
    (
        "95 % intervals in brackets; by 1.0 s: as if nothing were decided later than 1.0 s after an impact "
        "括号内为 95 % 置信区间；by 1.0 s：仅计撞击后 1.0 秒内的判断"
    ),
    (
        "delay: half and nine tenths of the calls, from the impact (1.0 or 2.5 s and what is left of the "
        "window; where the recording ends before that, 3 s of silence), and from where a fall was noted to "
        "begin 延迟：半数与九成报警在此秒数内；含窗口余下部分；录制提前结束的另加 3 秒静默"
    ),
)
_TRAINED = (
    "* people the models were trained on: of others expect less (rules/falls/models/README.md) "
    "含参与训练的人：对其他人的表现会更低"
)
_MOST_NAMES = 10


def print_figures(found: Found) -> None:
    """A table of every set; what changes with what was done to it; then which activities were wrong."""
    out = console()
    recorded = [one for perturbation, one in found if perturbation is PLAIN]
    shown = _table("set 数据集", "counted 范围", *_COLUMNS)
    for one in recorded:
        shown.add_row(f"{bare(one.group)}{' *' * bool(one.trained_on)}", "by 1.0 s", *_cells(one.provisional))
        shown.add_row("", "by 2.5 s", *_cells(one.final))
        for age, figures in one.ages.items() if len(one.ages) > 1 else ():
            shown.add_row("", bare(age), *_cells(figures))
    out.print(shown)
    if len(found) > len(recorded):
        out.print()
        out.print(_robustness(found))
    for legend in _LEGEND:
        out.print(legend, markup=False, soft_wrap=True)
    if any(one.trained_on for one in recorded):
        out.print(_TRAINED, markup=False, soft_wrap=True, style="yellow")
    for one in recorded:
        out.print()
        for line in (_title(one), *_wrong(one)):
            out.print(bare(line), markup=False, soft_wrap=True)


def _robustness(found: Found) -> Table:
    """By 1.0 s and by 2.5 s, a line for each thing that was done."""
    names = [f"{name} by {time}" for time in ("1.0 s", "2.5 s") for name in ("seen", "quiet", "false/h")]
    shown = _table("set 数据集", "changed 改变", *names)
    before = ""
    for perturbation, one in found:
        cells = [
            f"{figure.value:.3f}" if figure.of else "-"
            for each in (one.provisional, one.final)
            for figure in (each.sensitivity.figure, each.specificity.figure, each.false_alarms.figure)
        ]
        shown.add_row("" if one.group == before else bare(one.group), perturbation.words, *cells)
        before = one.group
    return shown


def _table(*columns: str) -> Table:
    table = Table(box=None, pad_edge=False, highlight=False, header_style="bold")
    for number, name in enumerate(columns):
        table.add_column(name, justify="left" if number < 2 else "right", no_wrap=True)
    return table


def _title(one: SetFigures) -> str:
    falls, others = one.final.sensitivity.of, one.final.specificity.of
    hours = one.final.false_alarms.hours
    trained = f", trained on 参与训练: {one.trained_on}" if one.trained_on else ""
    people = f"{one.people} people 人{trained}"
    return f"{one.group}: {falls} falls 跌倒, {others} others 其他, {hours:.2f} h, {people}"


def _wrong(one: SetFigures) -> Iterable[str]:
    for activity in one.activities:
        if activity.wrong.hits:
            what = "missed 漏报" if activity.is_fall else "called a fall 误报"
            yield f"  {activity.activity}: {activity.wrong.hits} of {activity.wrong.of} {what}"
    for what, names in (("missed 漏报", one.missed), ("called a fall 误报", one.false)):
        if names:
            yield f"  {what}: {listed(names)}"
    if one.still:
        yield (
            f"  falls in which nothing moves by half a g, which nothing can find 无动作的跌倒录制: "
            f"{len(one.still)}: {listed(one.still)}"
        )
    for line in refusals(one.unplayed):
        yield f"  {line}"
    if one.refused:
        yield f"  {one.refused} windows were refused 拒收: no device samples at such a rate, or feels so much"


def refusals(unplayed: Sequence[Refused]) -> list[str]:
    """What was not played, a line for each reason."""
    reasons: dict[str, list[str]] = {}
    for one in unplayed:
        reasons.setdefault(one.reason, []).append(f"{one.name} ({one.seen})")
    return [
        f"not played, not counted 未播放、未计入: {len(names)}: {reason}: {listed(names)}"
        for reason, names in reasons.items()
    ]


def listed(names: Sequence[str]) -> str:
    """Names, the first of them where they are many."""
    more = f" and {len(names) - _MOST_NAMES} more (--json)" if len(names) > _MOST_NAMES else ""
    return f"{', '.join(names[:_MOST_NAMES])}{more}"


def _cells(figures: Figures) -> tuple[str, ...]:
    return (
        _share(figures.sensitivity),
        _share(figures.specificity),
        _rate(figures.false_alarms),
        _delays(figures.from_impact),
        _delays(figures.from_fall_start),
    )


def _share(share: Share) -> str:
    return f"{share.figure} {share.hits}/{share.of}" if share.of else "-"


def _rate(rate: Rate) -> str:
    found = rate.figure
    return f"{found.value:.2f} ({found.low:.2f}-{found.high:.2f})" if found.of else "-"


def _delays(found: Delays) -> str:
    return "-" if found.p50 is None or found.p90 is None else f"{found.p50:.1f}/{found.p90:.1f}"


def print_json(found: Found) -> None:
    """One object a line: a set, as recorded or with something done to it."""
    for perturbation, one in found:
        json_line(
            {
                "set": one.group,
                "perturbation": perturbation.name,
                "recordings": one.recordings,
                "people": one.people,
                "people_trained_on": one.trained_on,
                "falls": one.final.sensitivity.of,
                "others": one.final.specificity.of,
                "hours": one.final.false_alarms.hours,
                **_object(one.final),
                "at_1.0_s": _object(one.provisional),
                "at_2.5_s": _object(one.final),
                "age_groups": {
                    age: {
                        "falls": figures.sensitivity.of,
                        "others": figures.specificity.of,
                        **_object(figures),
                    }
                    for age, figures in one.ages.items()
                },
                "activities": [
                    {
                        "activity": activity.activity,
                        "is_fall": activity.is_fall,
                        "recordings": activity.wrong.of,
                        "missed" if activity.is_fall else "false": activity.wrong.hits,
                        **_with_interval(
                            "sensitivity" if activity.is_fall else "specificity", activity.right
                        ),
                    }
                    for activity in one.activities
                ],
                "missed": one.missed,
                "false": one.false,
                "falls_without_impact": one.still,
                "refused": [
                    {"recording": each.name, "reason": each.reason, "seen": each.seen}
                    for each in one.unplayed
                ],
                "windows_refused": one.refused,
            }
        )


def _object(figures: Figures) -> dict[str, object]:
    return {
        **_with_interval("sensitivity", figures.sensitivity),
        **_with_interval("specificity", figures.specificity),
        **_with_interval("false_alarms_per_hour", figures.false_alarms),
        "delay_from_impact_s": _seconds(figures.from_impact),
        "delay_from_fall_start_s": _seconds(figures.from_fall_start),
    }


def _seconds(found: Delays) -> dict[str, float | None]:
    p50, p90 = (None if one is None else round(one, 3) for one in (found.p50, found.p90))
    return {"of": found.of, "p50": p50, "p90": p90}


def _with_interval(name: str, found: Share | Rate) -> dict[str, object]:
    figure = found.figure
    if not figure.of:
        return {name: None, f"{name}_95": None}
    return {name: figure.value, f"{name}_95": (figure.low, figure.high)}
