"""Who is on duty where and when: the rota, what people changed of it, and where it leaves nobody.

Rule: a value; who is on duty at an instant follows from the rota and the changes alone, the later change over
the earlier. No rota: nobody is on duty, and nothing is missed.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import time
from itertools import pairwise

from alerts.people import Person
from alerts.rota import Shift, Turn
from rules.deadlines import window_at

PRIMARY, SECOND, LEAD, MANAGER = "primary", "second", "lead", "manager"
"""The roles that ladders name; a rota may have others."""

ALL = "all"
"""In place of a role: everybody on shift."""


@dataclass(frozen=True, slots=True)
class Change:
    """A change of the rota from `since` until before `until` (ms UTC). "" where it holds for any.

    `instead` and `person`: wherever the one is on duty the other is, or nobody when `person` is "".
    `person` alone: is on duty as well, in a role at a place. Neither: nobody is, in that role at that place.
    `shift` limits it to one shift (a swap is two such changes).
    """

    since: int
    until: int
    person: str = ""
    instead: str = ""
    role: str = ""
    place: str = ""
    shift: str = ""


@dataclass(frozen=True, slots=True)
class Cover:
    """A role that must not be left empty at `places[0]` (the others are all above it, the nearest first).

    `between`: in these local hours of each day; None: at all hours (R-41).
    """

    role: str
    places: tuple[str, ...]
    zone: str
    between: tuple[time, time] | None = None

    def hours(self, since: int, until: int) -> Iterator[tuple[int, int]]:
        """The times within [since, until) in which it must not be empty."""
        if self.between is None:
            yield since, until
            return
        at = since
        while at < until:
            opens, closes = window_at(self.between, self.zone, at)
            if max(opens, since) < min(closes, until):
                yield max(opens, since), min(closes, until)
            at = max(closes, at + 1)


@dataclass(frozen=True, slots=True, order=True)
class Gap:
    """Nobody is on duty in a role at a place from `begin` until before `end`, ms UTC."""

    begin: int
    end: int
    place: str
    role: str


@dataclass(frozen=True, slots=True)
class Post:
    """One person in one role at one place, by a shift ("": by a change)."""

    role: str
    place: str
    person: str
    shift: str = ""


@dataclass(frozen=True, slots=True)
class Duty:
    """All of it. `shifts` recur; `turns` were given one by one (a calendar). Empty: no rota is kept."""

    people: Mapping[str, Person] = field(default_factory=dict)
    shifts: tuple[Shift, ...] = ()
    turns: tuple[Turn, ...] = ()
    covers: tuple[Cover, ...] = ()
    changes: tuple[Change, ...] = ()

    def person(self, id: str) -> Person | None:  # noqa: A002  the word of the contract
        """Somebody of the staff."""
        return self.people.get(id)

    def on_duty(self, role: str, places: Sequence[str], at: int) -> tuple[str, ...]:
        """Who is on duty in a role for an alert at `places` (its own and all above, the nearest first).

        Those of the nearest place that has somebody: an empty post falls to the one above. `all`: everybody
        on shift at any of them.
        """
        posts = self.posts(at)
        if role == ALL:
            return _unique(post.person for place in places for post in posts if post.place == place)
        for place in places:
            found = _unique(post.person for post in posts if post.place == place and post.role == role)
            if found:
                return found
        return ()

    def posts(self, at: int) -> list[Post]:
        """Every post that somebody has at an instant."""
        return self._posts(self.rostered(at, at + 1), at)

    def rostered(self, since: int, until: int) -> list[Turn]:
        """The turns as the rota has them, before all changes, that have a part in [since, until)."""
        found = [turn for shift in self.shifts for turn in shift.between(since, until)]
        return found + [turn for turn in self.turns if turn.begin < until and since < turn.end]

    def gaps(self, since: int, until: int) -> list[Gap]:
        """Where a role that must not be left empty is, within [since, until), in order; none adjoin."""
        stretches = self._stretches(since, until)
        found = [
            Gap(begin, end, cover.places[0], cover.role)
            for cover in self.covers
            for opens, closes in cover.hours(since, until)
            for begin, end, posts in _within(stretches, opens, closes)
            if not any(post.role == cover.role and post.place in cover.places for post in posts)
        ]
        return sorted(_joined(found))

    def spans(self, since: int, until: int) -> list[tuple[int, int, Post]]:
        """Who has which post from when until when within [since, until), each as one span; by begin."""
        running: dict[Post, int] = {}
        found: list[tuple[int, int, Post]] = []
        for begin, _, posts in self._stretches(since, until):
            now = set(posts)
            found += [(running.pop(post), begin, post) for post in list(running) if post not in now]
            for post in posts:
                running.setdefault(post, begin)
        found += [(begin, until, post) for post, begin in running.items()]
        return sorted(found, key=lambda one: (one[0], one[1], one[2].role, one[2].place, one[2].person))

    def _posts(self, turns: Iterable[Turn], at: int) -> list[Post]:
        posts = [
            Post(turn.role, place, person, turn.shift)
            for turn in turns
            if turn.begin <= at < turn.end
            for place in turn.places
            for person in turn.people
        ]
        for change in self.changes:
            if change.since <= at < change.until:
                posts = _changed(posts, change)
        return posts

    def _stretches(self, since: int, until: int) -> list[tuple[int, int, list[Post]]]:
        """[since, until) in stretches in each of which nothing changes, with who has which post."""
        waiting = sorted(self.rostered(since, until), key=lambda turn: turn.begin, reverse=True)
        changes = tuple(one for one in self.changes if one.since < until and since < one.until)
        within = replace(self, changes=changes)
        edges = {since, until}
        for one in waiting:
            edges |= {one.begin, one.end}
        for change in changes:
            edges |= {change.since, change.until}
        found, running = [], list[Turn]()
        for begin, end in pairwise(sorted(edge for edge in edges if since <= edge <= until)):
            running = [turn for turn in running if turn.end > begin]
            while waiting and waiting[-1].begin <= begin:
                running.append(waiting.pop())
            found.append((begin, end, within._posts(running, begin)))  # noqa: SLF001  our own
        return found


def _changed(posts: list[Post], change: Change) -> list[Post]:
    """The posts after one change."""
    if not change.instead and change.person:
        return [*posts, Post(change.role, change.place, change.person)]
    found: list[Post] = []
    for post in posts:
        meant = (
            change.instead in {"", post.person}
            and change.role in {"", post.role}
            and change.place in {"", post.place}
            and change.shift in {"", post.shift}
        )
        if not meant:
            found.append(post)
        elif change.person:
            found.append(Post(post.role, post.place, change.person, post.shift))
    return found


def _joined(gaps: Iterable[Gap]) -> list[Gap]:
    """The same times with fewer gaps: those of one post that meet or overlap are one."""
    found: list[Gap] = []
    for gap in sorted(gaps, key=lambda one: (one.place, one.role, one.begin)):
        last = found[-1] if found else None
        if last and (last.place, last.role) == (gap.place, gap.role) and gap.begin <= last.end:
            found[-1] = replace(last, end=max(last.end, gap.end))
        else:
            found.append(gap)
    return found


def _within(
    stretches: Sequence[tuple[int, int, list[Post]]], since: int, until: int
) -> Iterator[tuple[int, int, list[Post]]]:
    for begin, end, posts in stretches:
        if begin < until and since < end:
            yield max(begin, since), min(end, until), posts


def _unique(people: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(people))
