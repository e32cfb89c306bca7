"""Random rotas, and a slow model of them that looks at every minute's wall clock."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

from hypothesis import strategies as st

from alerts.duty import Change, Cover, Duty
from alerts.rota import Rotation, Shift

MINUTE = 60_000
DAY = timedelta(days=1)
PEOPLE = ("an", "bo", "chen", "ding")
ROLES = ("primary", "second")
ABOVE = {"home": ("home",), "house": ("house", "home"), "room": ("room", "house", "home")}

# Days around which something happens: clocks change, months end, one of them in a leap year.
_DAYS = {
    "Asia/Shanghai": [date(2026, 12, 31), date(2028, 2, 28), date(2026, 4, 30)],
    "Europe/Berlin": [date(2026, 3, 28), date(2026, 10, 24), date(2028, 2, 28)],
    "America/New_York": [date(2026, 3, 7), date(2026, 10, 31), date(2026, 12, 31)],
    "Australia/Lord_Howe": [date(2026, 4, 4), date(2026, 10, 3)],
}

_times = st.builds(time, st.integers(0, 23), st.sampled_from((0, 15, 30)))


def shifts(zone: str, first: date, number: int) -> st.SearchStrategy[Shift]:
    crew = st.lists(st.sampled_from(PEOPLE), max_size=2, unique=True).map(tuple)
    return st.builds(
        Shift,
        id=st.just(f"s{number}"),
        role=st.sampled_from(ROLES),
        places=st.lists(st.sampled_from(list(ABOVE)), min_size=1, max_size=2, unique=True).map(tuple),
        zone=st.just(zone),
        begins=_times,
        ends=_times,
        since=st.integers(-20, 1).map(lambda days: first + days * DAY),
        until=st.none() | st.integers(0, 2).map(lambda days: first + days * DAY),
        calendar=st.sampled_from(["", "", "FREQ=WEEKLY;BYDAY=MO,SA,SU", "FREQ=DAILY;INTERVAL=2"]),
        rotation=st.sampled_from(Rotation),
        turns=st.lists(crew, min_size=1, max_size=3).map(tuple),
        listed=st.dictionaries(st.integers(-1, 2).map(lambda days: first + days * DAY), crew),
    )


@st.composite
def changes(draw: st.DrawFn, zone: str, first: date) -> Change:
    begin = int(datetime.combine(first, time(), ZoneInfo(zone)).timestamp()) * 1000
    since = begin + draw(st.integers(-600, 2800)) * MINUTE
    made = Change(since, since + draw(st.integers(1, 1500)) * MINUTE, shift=draw(st.sampled_from(["", "s0"])))
    who, other = draw(st.permutations(PEOPLE))[:2]
    role, place = draw(st.sampled_from(ROLES)), draw(st.sampled_from(list(ABOVE)))
    match draw(st.sampled_from("instead away additionally nobody".split())):
        case "instead":
            anywhere = draw(st.booleans())
            return replace(made, person=who, instead=other, role="" if anywhere else role)
        case "away":
            return replace(made, instead=other)
        case "additionally":
            return replace(made, person=who, role=role, place=place, shift="")
        case _:
            return replace(made, role=role, place=place)


@st.composite
def duties(draw: st.DrawFn) -> tuple[Duty, int, int]:
    """A duty, and two days to look at (ms)."""
    zone = draw(st.sampled_from(sorted(_DAYS)))
    first = draw(st.sampled_from(_DAYS[zone]))
    count = draw(st.integers(0, 4))
    made = tuple(draw(shifts(zone, first, number)) for number in range(count))
    window = st.tuples(_times, _times).filter(lambda pair: pair[0] != pair[1])
    cover = st.builds(
        Cover,
        st.sampled_from(ROLES),
        st.sampled_from(list(ABOVE.values())),
        st.just(zone),
        st.none() | window,
    )
    covers = tuple(draw(st.lists(cover, max_size=3)))
    changed = tuple(draw(st.lists(changes(zone, first), max_size=4)))
    begin = int(datetime.combine(first, time(), ZoneInfo(zone)).timestamp()) * 1000
    return Duty(shifts=made, covers=covers, changes=changed), begin, begin + 2 * 24 * 60 * MINUTE


class Model:
    """Who has which post in every minute from a day before `begin` to a day after `end`."""

    def __init__(self, duty: Duty, begin: int, end: int) -> None:
        self.duty, self.begin, self.end = duty, begin, end
        self.posts: dict[int, list[tuple[str, str, str, str]]] = {
            minute: [] for minute in range(begin, end, MINUTE)
        }
        for shift in duty.shifts:
            self._put(shift)
        for change in duty.changes:
            for minute in self.posts:
                if change.since <= minute < change.until:
                    self.posts[minute] = _after(self.posts[minute], change)

    def on_duty(self, role: str, place: str, minute: int) -> set[str]:
        """The nearest place that has somebody."""
        for at in ABOVE[place]:
            found = {who for has, where, who, _ in self.posts[minute] if has == role and where == at}
            if found:
                return found
        return set()

    def missing(self, role: str, place: str) -> set[int]:
        """The minutes in which a cover of this role and place finds nobody."""
        found = set()
        for cover in self.duty.covers:
            if (cover.role, cover.places[0]) != (role, place):
                continue
            wanted = set(self.posts)
            if cover.between is not None:
                start, stop = cover.between
                spans = _spans(cover.zone, self.begin, start, stop, dict.fromkeys(range(-2, 4)))
                wanted = {minute for span in spans.values() for minute in span} & wanted
            found |= {minute for minute in wanted if not self.on_duty(role, place, minute)}
        return found

    def _put(self, shift: Shift) -> None:
        first = datetime.fromtimestamp(self.begin / 1000, ZoneInfo(shift.zone)).date()
        whose: dict[int, tuple[str, ...]] = {}
        turn, day = 0, shift.since
        while day < first + 4 * DAY:
            over = shift.until is not None and day > shift.until
            if not over and _comes(shift, day):
                match shift.rotation:
                    case Rotation.LIST:
                        crew = shift.listed.get(day, ())
                    case Rotation.WEEKLY:
                        crew = shift.turns[(day - shift.since).days // 7 % len(shift.turns)]
                    case Rotation.DAILY:
                        crew = shift.turns[turn % len(shift.turns)]
                if day >= first - 2 * DAY:
                    whose[(day - first).days] = crew
                turn += 1
            day += DAY
        for number, span in _spans(shift.zone, self.begin, shift.begins, shift.ends, whose).items():
            for minute in span:
                if minute in self.posts:
                    self.posts[minute] += [
                        (shift.role, place, who, shift.id) for place in shift.places for who in whose[number]
                    ]


def _comes(shift: Shift, day: date) -> bool:
    if "WEEKLY" in shift.calendar:
        return day.weekday() in {0, 5, 6}
    return not shift.calendar or (day - shift.since).days % 2 == 0


def _spans(zone: str, begin: int, start: time, stop: time, days: Mapping[int, object]) -> dict[int, range]:
    """The minutes of a daily window on some days, counted from the day of `begin`."""
    first = datetime.fromtimestamp(begin / 1000, ZoneInfo(zone)).date()
    found = {}
    for number in days:
        day = first + number * DAY
        opens = _minute(zone, begin, datetime.combine(day, start))
        closes = _minute(zone, begin, datetime.combine(day if start < stop else day + DAY, stop))
        found[number] = range(opens, closes, MINUTE)
    return found


def _minute(zone: str, begin: int, wall: datetime) -> int:
    """The first minute with this wall time; for one that the clocks skip as long after as they skip."""
    walls, skipped = _walls(zone, begin)
    return walls[wall] if wall in walls else walls[wall + skipped]


@lru_cache
def _walls(zone: str, begin: int) -> tuple[dict[datetime, int], timedelta]:
    """Wall times of eight days, by looking at the clock every minute, and how much of them was skipped."""
    walls: dict[datetime, int] = {}
    skipped, before = timedelta(), None
    for minute in range(begin - 3 * 1440 * MINUTE, begin + 6 * 1440 * MINUTE, MINUTE):
        wall = datetime.fromtimestamp(minute / 1000, UTC).astimezone(ZoneInfo(zone)).replace(tzinfo=None)
        walls.setdefault(wall, minute)
        if before is not None and wall - before > timedelta(minutes=1):
            skipped = wall - before - timedelta(minutes=1)
        before = wall
    return walls, skipped


def _after(posts: Sequence[tuple[str, str, str, str]], change: Change) -> list[tuple[str, str, str, str]]:
    if change.person and not change.instead:
        return [*posts, (change.role, change.place, change.person, "")]
    found = []
    for role, place, who, shift in posts:
        named = [(change.role, role), (change.place, place), (change.shift, shift), (change.instead, who)]
        if any(wanted and wanted != has for wanted, has in named):
            found.append((role, place, who, shift))
        elif change.person:
            found.append((role, place, change.person, shift))
    return found
