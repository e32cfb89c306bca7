"""NEWS2 of whoever is measured. Rule: the worst response that is sure is said once, and nothing is made up.

`rules.news2` is the table; here its inputs are gathered (R-62 to R-70):

- Inputs of one score lie within 15 min (R-66); each one's age is told. Oxygen is a state and holds until told
  otherwise: by `supplemental_oxygen` or `o2_flow`, else by the registry. So is scale 2, by the registry alone
  (R-64); where it needs the oxygen state and nobody knows it, there is no score and the staff are asked.
- Without all seven there is no total: "partial n/7", and a red parameter or the points already there say what
  is called for at least (R-63, R-65). A single red or 5 is medium (`severity`), 7 is high.
- A value of a device that scores worse than the one before it, of the last two hours, waits for the delays
  and readings of section 11 (R-60): an artefact of a watch passes. Where no other reading comes, one may be
  lost; then it is said, with its age. What a person measures is believed at once (a device that told of her
  consciousness is in somebody's hands), and so is a value that has none before it. A suspect one always
  waits for another reading; a word about consciousness never does. Bad and stale values never come here
  (R-94), skin temperature is no input (R-70), and a device that is not worn, or a bed that is empty, is not
  listened to.
- Only a worse response is said again, until the response was not seen for `calm`; then it is over when what
  was measured last is milder, and unknown when it was not measured.
- Whoever was ever scored in full is to be scored again (R-67), after the `..._every` of that response. Late
  by a quarter of it is medium, by all of it high, and then it rests until the next full score. Devices alone
  never make a full score (nobody told of her consciousness), so they start and shorten no such duty: what
  they see calls people as it is. "0s": never.

It screens and diagnoses nothing (R-69). Neither memory nor facts hold a value: bands, times and words.
"""

from functools import cached_property
from typing import Annotated, NamedTuple

from pydantic import Field

from devices.observation import Observation, Quality
from rules.condition import SECTION_11, Delays
from rules.deadlines import local_time
from rules.decision import Change, Decision, Evidence, Severity
from rules.kind import Kind, Rule, Step, Subject, decide, ended, seen
from rules.news2 import CONSCIOUSNESS, OXYGEN, PARAMETERS, SPO2, Response, Score, band, points, score
from rules.reorder import happened
from rules.settings import Duration, Settings

WINDOW_MS = 900_000
REFRESH_MS = 180_000
"""A value in the same band is taken up after so long: till then the age told is that of the one before."""

REGULAR_MS = 7_200_000
"""What was measured within so long before will be measured again: one worse reading of it is not believed."""

LONGEST_MS = 2_700_000
"""No next reading is waited for longer."""

LABEL = "screening, not diagnosis"
_INDEX = {parameter: n for n, parameter in enumerate(PARAMETERS)} | {"o2_flow": PARAMETERS.index(OXYGEN)}
_SPO2, _OXYGEN, _CONSCIOUSNESS = (PARAMETERS.index(name) for name in (SPO2, OXYGEN, CONSCIOUSNESS))
_CERTAIN = frozenset((_OXYGEN, _CONSCIOUSNESS))
_MOST_HANDS = 8
_WORN = frozenset(("worn", "bed_occupied"))
"""Whether a device is where it can measure her."""

_ON_OXYGEN_DECIDES = 4  # the band of SpO2 on scale 2 from which on it does
_LASTING = tuple(
    max(delays.on, delays.apart) for delays in (SECTION_11.get(name, Delays()) for name in PARAMETERS)
)


class News2Settings(Settings):
    """How long is waited for a second reading, how long a response holds, and when to score again."""

    confirm: Duration = 360_000  # a little more than watches take from one reading to the next
    calm: Annotated[Duration, Field(gt=0)] = 3_600_000
    routine_every: Duration = 43_200_000
    low_every: Duration = 21_600_000
    single_red_every: Duration = 3_600_000
    urgent_every: Duration = 3_600_000
    emergency_every: Duration = WINDOW_MS  # continuous: as often as the inputs of one score allow

    @cached_property
    def every(self) -> tuple[int, ...]:
        """The intervals of 6.2 by response, ms; 0: no duty."""
        return (
            self.routine_every,
            self.low_every,
            self.single_red_every,
            self.urgent_every,
            self.emergency_every,
        )


class Input(NamedTuple):
    """What is known of a parameter: its band (-1: nothing sure) and since when. All times ms UTC.

    `doubted` is the mildest band of the readings since `since` that were worse, 0 for none since; `suspect`
    while only suspect ones were: they wait as long as it takes. `by` is the device that said so: another
    one that says all is well does not settle it.
    """

    band: int
    at: int
    doubted: int = -1
    since: int = 0
    suspect: bool = False
    by: str = ""


class Memory(NamedTuple):
    """`inputs` in the order of PARAMETERS; `raised` was said (0: nothing), and `seen` last, or worse.

    `scored` is when the last full score was taken (0: never), `asked` the response that it called for,
    `overdue` how often it was said that the next one is late. `wants_oxygen`: the staff were asked. `unworn`
    are devices that lie somewhere, `hands` those that staff measure with. `suppressed`: what was said was
    said to nobody, for she was away.
    """

    wake: int | None = None
    inputs: tuple[Input | None, ...] = (None,) * len(PARAMETERS)
    raised: int = 0
    seen: int = 0
    scored: int = 0
    asked: int = 0
    overdue: int = 0
    wants_oxygen: bool = False
    unworn: tuple[str, ...] = ()
    hands: tuple[str, ...] = ()
    suppressed: bool = False


class Now(NamedTuple):
    """For whom something is decided, at what time, and by which observation, unless by time alone."""

    rule: Rule[News2Settings]
    subject: Subject
    at: int
    by: Observation | None = None
    of: int = 0  # the end of the 15 min that count, where that is not now


def start(rule: Rule[News2Settings], subject: Subject, memory: Memory | None, now: int) -> Step[Memory]:  # noqa: ARG001
    """Nothing is measured yet; what was said and when to score again stays."""
    return _timed(rule, Memory() if memory is None else memory._replace(inputs=Memory().inputs)), ()


def observe(
    rule: Rule[News2Settings], subject: Subject, memory: Memory, observation: Observation
) -> Step[Memory]:
    """An input, or a device put on or taken off, or a bed left."""
    metric, value = observation.metric, observation.value
    if metric in _WORN:
        return _worn(rule, memory, observation), ()
    n = _INDEX[metric]
    scale = subject.resident.spo2_scale if subject.resident else 1
    placed = band(PARAMETERS[n], value, scale)
    before = memory.inputs[n]
    if before is not None and before.band == placed and not before.since:
        age = observation.at - before.at
        if age < REFRESH_MS:
            return memory, ()
        if age <= WINDOW_MS and not memory.unworn and not memory.raised:
            kept = Input(placed, happened(observation))  # as it was: this can call for nothing new
            return _with(memory, n, kept), ()
    at = happened(observation)
    if observation.device in memory.unworn and n not in _CERTAIN:
        return memory, ()
    suspect = observation.quality is Quality.UNCERTAIN
    if n == _CONSCIOUSNESS and observation.device not in memory.hands:
        memory = memory._replace(hands=(*memory.hands, observation.device)[-_MOST_HANDS:])
    if n in _CERTAIN or (observation.device in memory.hands and not suspect):
        after = Input(placed, at) if before is None or at > before.at else before
    else:
        new = Input(placed, at, by=observation.device)
        after = _heard(rule, _point_of(subject, memory, n), before, new, _LASTING[n], suspect)
    if after is before:
        return memory, ()
    return _concluded(Now(rule, subject, at, observation), _with(memory, n, after))


def wake(rule: Rule[News2Settings], subject: Subject, memory: Memory, now: int) -> Step[Memory]:
    """No reading came to settle a doubt; a response was not seen for long; the next score is late."""
    confirm = rule.settings.confirm
    over = [one.since for one in memory.inputs if one and _doubt_over(one, confirm, now)]
    inputs = tuple(
        Input(one.doubted, one.since) if one and _doubt_over(one, confirm, now) else one
        for one in memory.inputs
    )
    return _concluded(Now(rule, subject, now, of=max(over, default=0)), memory._replace(inputs=inputs))


def moved(rule: Rule[News2Settings], subject: Subject, memory: Memory, now: int) -> Step[Memory]:
    """She left: what was measured counts no longer. Or she is back: what was said to nobody is to be said."""
    if not subject.away:
        if not memory.suppressed:
            return memory, ()
        back = memory._replace(inputs=Memory().inputs, raised=0, seen=0, suppressed=False)
        return _timed(rule, back), ()
    kept = Memory(unworn=memory.unworn, hands=memory.hands)
    if not memory.raised or memory.suppressed:
        return kept, ()
    return kept, (_by_time(Now(rule, subject, now), Change.NOTE, "away", {"why": subject.absence}),)


def _worn(rule: Rule[News2Settings], memory: Memory, observation: Observation) -> Memory:
    """Taken off, or the bed left: what it showed while that happened is no reading."""
    device, unworn = observation.device, memory.unworn
    if observation.value:
        if not unworn:
            return memory
        kept = tuple(one for one in unworn if one != device)
        return memory if kept == unworn else memory._replace(unworn=kept)
    if device in unworn:
        return memory
    inputs = tuple(Input(one.band, one.at) if one else None for one in memory.inputs)
    return _timed(rule, memory._replace(inputs=inputs, unworn=(*unworn, device)))


def _heard(
    rule: Rule[News2Settings],
    point_of: tuple[int, ...],
    before: Input | None,
    new: Input,
    lasting: int,
    suspect: bool,
) -> Input:
    """An input after a reading: believed, or in doubt until the next one says the same."""
    at, placed, believed = new.at, new.band, new._replace(by="")
    if before is None:
        return Input(-1, 0, placed, at, suspect=True, by=new.by) if suspect else believed
    if at <= max(before.at, before.since):
        return before
    settled = before.band >= 0 and at - before.at <= REGULAR_MS
    if settled and point_of[placed] <= point_of[before.band]:
        return before if suspect or (before.since and before.by != new.by) else believed
    if not before.since:
        if not suspect and not (settled and rule.settings.confirm):
            return believed
        return before._replace(doubted=placed, since=at, suspect=suspect, by=new.by)
    if not suspect and not settled:
        return believed
    milder = min(before.doubted, placed, key=point_of.__getitem__)
    if at - before.since >= lasting:
        return Input(milder, at)
    return before._replace(doubted=milder, suspect=before.suspect and suspect)


def _point_of(subject: Subject, memory: Memory, n: int) -> tuple[int, ...]:
    """The points of each band of a parameter, for her; what cannot be told counts as none."""
    scale = subject.resident.spo2_scale if subject.resident else 1
    told = _oxygen(subject, memory)
    oxygen = None if told is None else told > 0
    return tuple(point or 0 for point in points(PARAMETERS[n], scale, oxygen))


def _doubt_over(one: Input, confirm: int, now: int) -> bool:
    return bool(one.since) and not one.suspect and _doubted_until(one, confirm) <= now


def _doubted_until(one: Input, confirm: int) -> int:
    """When no next reading is waited for any more: one may be lost, and the one after it a quarter late."""
    return one.since + max(confirm, min((one.since - one.at) * 9 // 4, LONGEST_MS))


def _oxygen(subject: Subject, memory: Memory) -> int | None:
    """The band of oxygen: as told last, else as the registry has it; None when nobody knows."""
    told = memory.inputs[_OXYGEN]
    if told is not None:
        return told.band
    known = subject.resident.oxygen if subject.resident else ""
    return int(known == "oxygen") if known else None


def _score(subject: Subject, memory: Memory, until: int, window: int) -> Score:
    """The score of what was measured in so many ms until then."""
    bands = [
        one.band if one and one.band >= 0 and until - window <= one.at <= until else None
        for one in memory.inputs
    ]
    bands[_OXYGEN] = _oxygen(subject, memory)
    return score(bands, subject.resident.spo2_scale if subject.resident else 1)


def _concluded(now: Now, memory: Memory) -> Step[Memory]:
    """What follows from the inputs as they are now."""
    newest = max((one.at for one in memory.inputs if one), default=0)
    found = _score(now.subject, memory, now.of or max(now.at, newest), WINDOW_MS)
    made: list[Decision] = []
    if found.total is not None:
        memory = _scored(now, memory, found, made)
    if found.response >= max(memory.raised, Response.SINGLE_RED):
        memory = _called(now, memory, found, made)
    elif memory.raised and now.at - memory.seen >= now.rule.settings.calm:
        memory = _calmed(now, memory, found, made)
    memory = _asked(now, memory, found, made)
    return _timed(now.rule, _late(now, memory, made)), tuple(made)


def _scored(now: Now, memory: Memory, found: Score, made: list[Decision]) -> Memory:
    """A full score: taken when its oldest input was. What was overdue is done."""
    taken = min(one.at for n, one in enumerate(memory.inputs) if one is not None and n != _OXYGEN)
    if taken <= memory.scored:
        return memory
    if memory.overdue and not memory.raised and found.response < Response.SINGLE_RED:
        made.append(_over(now))
    return memory._replace(scored=taken, asked=int(found.response), overdue=0, wants_oxygen=False)


def _called(now: Now, memory: Memory, found: Score, made: list[Decision]) -> Memory:
    """A response is called for that holds already, or is worse."""
    response = found.response
    if response > memory.raised:
        facts: dict[str, str | int] = {
            "band": response.word,
            "inputs": f"{found.given}/7" if found.total is not None else f"partial {found.given}/7, at least",
            "ages": _ages(memory, now),
            "note": LABEL,
        }
        urgent = Severity.HIGH if response is Response.EMERGENCY else None
        made.append(_said(now, "response", facts, urgent))
        memory = memory._replace(suppressed=now.subject.away)
    return memory._replace(raised=int(response), seen=now.at)


def _calmed(now: Now, memory: Memory, found: Score, made: list[Decision]) -> Memory:
    """What was said was not seen for long: a milder response stands instead, or it is over, or unknown."""
    if found.response >= Response.SINGLE_RED:
        return memory._replace(raised=int(found.response), seen=now.at)
    if _score(now.subject, memory, now.at, now.at).response < Response.SINGLE_RED:
        made.append(_over(now))
    else:
        made.append(_by_time(now, Change.NOTE, "calm", {"why": "not_measured"}))
    return memory._replace(raised=0, seen=0, suppressed=False)


def _asked(now: Now, memory: Memory, found: Score, made: list[Decision]) -> Memory:
    """R-64: all but the oxygen state is there, and it decides about the points of SpO2: ask, once."""
    spo2 = memory.inputs[_SPO2]
    undecided = (
        found.given == len(PARAMETERS) - 2
        and _oxygen(now.subject, memory) is None
        and spo2 is not None
        and spo2.band >= _ON_OXYGEN_DECIDES
        and spo2.at >= now.at - WINDOW_MS
    )
    if not undecided or memory.wants_oxygen or made:
        return memory
    made.append(_said(now, "oxygen", {"ask": OXYGEN, "note": LABEL}, Severity.LOW))
    return memory._replace(wants_oxygen=True)


def _late(now: Now, memory: Memory, made: list[Decision]) -> Memory:
    """R-67: late by a quarter of the interval is medium, by all of it high."""
    late = _late_at(now.rule, memory)
    if late is None or late > now.at:
        return memory
    due = memory.scored + now.rule.settings.every[memory.asked]
    facts: dict[str, str | int] = {
        "due_ms": due,
        "due_local": local_time(due, now.subject.zone),
        "note": LABEL,
    }
    severity = Severity.HIGH if memory.overdue else Severity.MEDIUM
    made.append(_said(now._replace(by=None), "overdue", facts, severity))
    return memory._replace(overdue=memory.overdue + 1)


def _late_at(rule: Rule[News2Settings], memory: Memory) -> int | None:
    every = rule.settings.every[memory.asked]
    if not memory.scored or not every or memory.overdue > 1:
        return None
    return memory.scored + every + (every if memory.overdue else every // 4)


def _timed(rule: Rule[News2Settings], memory: Memory) -> Memory:
    """The memory with the time at which something happens next if nothing is heard."""
    settings = rule.settings
    waits = [
        _doubted_until(one, settings.confirm)
        for one in memory.inputs
        if one and one.since and not one.suspect
    ]
    if memory.raised:
        waits.append(memory.seen + settings.calm)
    late = _late_at(rule, memory)
    if late is not None:
        waits.append(late)
    return memory._replace(wake=min(waits, default=None))


def _with(memory: Memory, n: int, one: Input) -> Memory:
    inputs = memory.inputs  # `_replace` is slow
    made = (memory.wake, (*inputs[:n], one, *inputs[n + 1 :]), *memory[2:])
    return tuple.__new__(Memory, made)


def _ages(memory: Memory, now: Now) -> str:
    """How old each input is (R-66)."""
    since = (now.of or now.at) - WINDOW_MS
    return ", ".join(
        f"{parameter} {(now.at - one.at) // 1_000} s"
        for parameter, one in zip(PARAMETERS, memory.inputs, strict=True)
        if one and one.band >= 0 and (one.at >= since or parameter == OXYGEN)
    )


def _said(now: Now, about: str, facts: dict[str, str | int], severity: Severity | None) -> Decision:
    """Somebody must know; while she is away it is only counted (R-58)."""
    rule, subject, _, by, _ = now
    change = Change.SUPPRESS if subject.away else Change.RAISE
    told = {**facts, "why": subject.absence} if subject.away else facts
    if by is None:
        return _by_time(now, change, about, told, severity)
    return decide(rule, subject, change, seen(by), at=by.received_at, severity=severity, facts=told)


def _over(now: Now) -> Decision:
    rule, subject, _, by, _ = now
    if by is None:
        return _by_time(now, Change.CLEAR, "over", {})
    return decide(rule, subject, Change.CLEAR, ended(by), at=by.received_at)


def _by_time(
    now: Now, change: Change, about: str, facts: dict[str, str | int], severity: Severity | None = None
) -> Decision:
    rule, subject, at, *_ = now
    evidence = Evidence(f"{rule.id}|{subject.id}|{about}|{at}", "news2", "", at, at)
    return decide(rule, subject, change, evidence, at=at, severity=severity, facts=facts)


KIND = Kind(
    name="news2",
    settings=News2Settings,
    observe=observe,
    metrics=lambda _: frozenset(_INDEX) | _WORN,
    ordered=True,
    lazy=True,
    memory=Memory,
    watches=lambda subject: subject.resident is not None,
    start=start,
    wake=wake,
    moved=moved,
    basis=lambda rule, subject: (
        f"{rule.basis} {subject.resident.spo2_scale} {subject.resident.oxygen}" if subject.resident else ""
    ),
)
