"""A book and what happens to it, in order. Rule: events are taken up as the desk takes them, and kept."""

from dataclasses import dataclass, field

from alerts.acts import Refused
from alerts.book import Book
from alerts.decide import decide, follow
from alerts.episode import Episode
from alerts.event import Event, QuietEvent
from alerts.notification import Notification, notify
from alerts.records import dump_event, load_event
from rules.decision import Decision


@dataclass
class Course:
    """`told` is every event so far, `calls` every notification that called people."""

    now: int = 1_000_000
    book: Book = field(default_factory=Book)
    told: list[Event] = field(default_factory=list)
    sent: list[Notification] = field(default_factory=list)

    @property
    def calls(self) -> list[Notification]:
        return [notification for notification in self.sent if notification.calls]

    def decided(self, seen: Decision, site: str = "s1") -> Episode | None:
        """A rule decides at `now`; the episode it is about, if there is one."""
        self.take(decide(self.book, seen, self.now, site))
        return self.book.open_for(seen.rule, seen.cause)

    def acted(self, events: list[Event] | Refused) -> list[Event]:
        """A person's act that is expected to be possible."""
        assert not isinstance(events, Refused), events
        self.take(events)
        return events

    def passed(self, ms: int) -> None:
        """Time passes; what follows by itself is taken up at its end."""
        self.now += ms
        self.take([])

    def take(self, events: list[Event]) -> None:
        self._apply(events)
        while later := follow(self.book, self.now):
            self._apply(later)

    def restart(self) -> None:
        """The book anew from what was recorded."""
        self.book = Book.of(load_event(dump_event(event)) for event in self.told)

    def _apply(self, events: list[Event]) -> None:
        for event in events:
            self.told.append(event)
            if isinstance(event, QuietEvent):
                self.book.apply(event)
            elif (notification := notify(self.book.apply(event), event)) is not None:
                self.sent.append(notification)
