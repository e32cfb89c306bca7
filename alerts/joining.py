"""Signs of one emergency that different rules saw. Rule: two residents' are never joined.

A fall, a call for help and a heart rate of one resident within half an hour are one alert: whoever answers
one of them answers all. What joins is what says that she herself is in danger now, and is answered by going
to her: besides those also that she is not up again, that nobody heard of her for hours (she may be lying),
and that she is out of bed too long (who fell at night is). What does not join: a check, which is a task with
a time of its own; wandering, for she is looked for elsewhere; a place's smoke, and what devices and gateways
say of themselves; a rule in CEL, of which we do not know what it is about; and what is reported of a place or
by a device that is nobody's, where a fall may be one's and a call another's. That nobody is up again after a
fall is of that fall there, too.

What joined never makes another call weaker. About somebody's life it calls as it always does. Anything else
calls, too, but where that would wake people for nothing, for another rule already called for as much:

- nobody has answered yet: what is no worse does not call once more, for people are being called;
- somebody took charge: what is less, or not about life when that is, and no worse, is shown and waits. The
  lease ends within minutes unless somebody is with her. What is as bad and new calls: it may change what they
  do, or how fast;
- somebody is with her: only what is worse calls.

Half an hour after evidence last called people, or one of them last acted, each evidence calls again for
itself, and that of a rule that is not part of the alert opens one. Times are when we heard of things: this is
about what people are told when, and a text says how old it is. That we were down meanwhile, that a lease
lapsed or a ladder went on makes no difference, so that a replay, which knows of neither, finds the same
alerts. What is shelved, out of service or muted neither joins nor is joined: a suspension keeps quiet what it
is for, and nothing else.
"""

from alerts.episode import Episode, rank
from alerts.event import State
from alerts.life import about_life
from rules.decision import Decision

WITHIN_MS = 1_800_000
"""So long after evidence called people, or one of them acted, other signs are of the same emergency."""

KINDS = frozenset(("sos", "fall", "long_lie", "vitals", "news2", "inactivity", "bed_exit"))
"""Kinds of rule whose evidence of one resident is of one emergency."""

_OF_A_FALL = frozenset(("fall", "long_lie"))
"""Those that are of one emergency also where nobody knows who it is."""


def joined_by(decision: Decision) -> frozenset[str]:
    """Kinds of rule whose emergency a decision may be one more sign of; none for most."""
    kinds = KINDS if decision.resident else _OF_A_FALL
    return kinds if decision.cause == decision.subject and decision.kind in kinds else frozenset()


def takes(episode: Episode, heard: int) -> bool:
    """Whether other rules' signs, heard of then, become part of an emergency: people are called, or act."""
    if episode.state is State.ASKING:
        return True
    called = episode.called_at is not None
    standing = episode.state in {State.OPEN, State.ACKNOWLEDGED, State.ON_SITE}
    return called and standing and heard - episode.attended_at <= WITHIN_MS


def waits(episode: Episode, decision: Decision) -> bool:
    """Whether evidence that is not about life calls nobody, since another rule called people for as much."""
    if not takes(episode, decision.evidence.received_at):
        return False
    others = [sign for sign in episode.said if sign.rule != decision.rule]
    as_bad = [sign for sign in others if rank(sign.severity) >= rank(decision.severity)]
    match episode.state:
        case State.OPEN | State.ON_SITE:
            return bool(as_bad)
        case State.ACKNOWLEDGED:
            return any(
                about_life(sign.kind, sign.metric) or rank(sign.severity) > rank(decision.severity)
                for sign in as_bad
            )
        case _:
            return False
