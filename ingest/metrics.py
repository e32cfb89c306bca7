"""Every Prometheus metric of the service, declared once with its meaning.

Rule: labels are small closed sets (reason, stage, part); never a device, a person or a value.
"""

from collections.abc import Mapping

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from alerts.breaker import Circuit
from alerts.episode import Episode
from alerts.event import EpisodeEvent, EvidenceAdded, Opened, State, Weight
from alerts.synthetic import STAGES as SYNTHETIC_STAGES
from devices.reading import Reason
from rules.decision import DRILL, Severity
from rules.falls.model import Stage

_LATENCY_BUCKETS = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 15, 60)


FATES = ("observed", "empty", "duplicate", "quarantined")
STAGES = ("journalled", "felt", "decided", "recorded", "delivered")
PARTS = ("broker", "journal", "database")
OUTCOMES = ("delivered", "retry", "failed")
_UNRESOLVED = tuple(state for state in State if state is not State.RESOLVED)
_QUIET = tuple(weight for weight in Weight if weight is not Weight.CALL)


class Metrics:
    """One service's metrics on a registry of its own (so that two services in one process do not meet)."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        r = self.registry
        self.received = Counter(
            "shouwang_messages_received",
            "MQTT messages taken: made durable in the journal, then acknowledged.",
            ["lane"],
            registry=r,
        )
        self.fate = Counter(
            "shouwang_messages_processed",
            "What became of messages: observed, empty (says nothing), duplicate, quarantined.",
            ["fate"],
            registry=r,
        )
        self.rejected = Counter(
            "shouwang_readings_rejected",
            "Readings or messages that could not become observations, by reason.",
            ["reason"],
            registry=r,
        )
        self.uncertain = Counter(
            "shouwang_observations_uncertain",
            "Observations of quality uncertain or stale (clock at fault, suspect value, retained replay).",
            ["quality"],
            registry=r,
        )
        self.too_late = Counter(
            "shouwang_life_safety_too_late",
            "Calls for help, falls, smoke or gas more than 24 h old on arrival: stored, not alerted (R-90).",
            registry=r,
        )
        self.unrecorded = Counter(
            "shouwang_calls_unrecorded",
            "Calls for help that were decided, or told, before they were on disk, since it was slow.",
            ["stage"],
            registry=r,
        )
        for before in ("decided", "told"):
            self.unrecorded.labels(before)
        self.motion_windows = Counter(
            "shouwang_motion_windows", "Accelerometer windows in which falls were looked for.", registry=r
        )
        self.motion_forgotten = Counter(
            "shouwang_motion_forgotten",
            "Devices whose acceleration was given up for that of others, heard more recently.",
            registry=r,
        )
        self.falls_felt = Counter(
            "shouwang_falls_felt",
            "Falls that we saw in accelerometers, by how much of the signal was known then.",
            ["stage"],
            registry=r,
        )
        for known in Stage:
            self.falls_felt.labels(known)
        self.stored_messages = Counter(
            "shouwang_messages_stored", "Messages whose rows are committed in the database.", registry=r
        )
        self.stored_rows = Counter(
            "shouwang_observations_stored", "Observation rows committed in the database.", registry=r
        )
        self.waiting = Gauge(
            "shouwang_messages_unstored", "Messages journalled but not yet in the database.", registry=r
        )
        self.facts = Gauge(
            "shouwang_facts", "What messages taught and is kept: models, births, discovery.", registry=r
        )
        self.facts_refused = Gauge(
            "shouwang_facts_refused",
            "Facts for which there was no room since the start: a broken or hostile sender.",
            registry=r,
        )
        self.up = Gauge(
            "shouwang_up", "Whether a part works: broker, journal, database (1 or 0).", ["part"], registry=r
        )
        self.alerts = Counter(
            "shouwang_alert_events", "Alert events by rule kind and event.", ["kind", "event"], registry=r
        )
        self.raised = Counter(
            "shouwang_alerts_raised",
            "Alerts that were opened and called people, by severity: their mix should be few high (R-51).",
            ["severity"],
            registry=r,
        )
        self.quiet = Counter(
            "shouwang_alert_evidence_quiet",
            "Evidence that called nobody, by why: repeat of a press, note, latched, shelved, out_of_service,"
            " muted in a flood (R-57).",
            ["weight"],
            registry=r,
        )
        self.suppressed = Counter(
            "shouwang_alerts_suppressed",
            "Conditions that held and raised nothing by the state of things, by rule and why (R-57, R-58).",
            ["rule", "why"],
            registry=r,
        )
        self.checks = Counter(
            "shouwang_checks",
            "How checks that fell due ended, by task: done, substituted, late, missed, paused, unproven."
            " A missed one that was made late counts as both.",
            ["task", "outcome"],
            registry=r,
        )
        self.open_alerts = Gauge("shouwang_alerts_open", "Alerts not resolved.", ["severity"], registry=r)
        self.standing = Gauge(
            "shouwang_alerts_standing",
            "Alerts not resolved, by state: open, acknowledged, shelved, out_of_service.",
            ["state"],
            registry=r,
        )
        self.stale = Gauge(
            "shouwang_alerts_stale", "Alerts whose condition holds for more than 24 h (R-50).", registry=r
        )
        self.floods = Gauge(
            "shouwang_alert_floods",
            "Sites that have an alarm flood now: more than 10 calls in 10 min (R-47).",
            registry=r,
        )
        self.signals_refused = Counter(
            "shouwang_signals_refused",
            "What buttons, pagers and readers said to alerts and was refused: people were called again since,"
            " say.",
            ["why"],
            registry=r,
        )
        self.deliveries = Counter(
            "shouwang_deliveries",
            "Attempts to tell somebody: delivered, retry, failed.",
            ["channel", "outcome"],
            registry=r,
        )
        self.undelivered = Gauge(
            "shouwang_deliveries_waiting", "Notifications not delivered yet.", ["channel"], registry=r
        )
        self.circuit = Gauge(
            "shouwang_channel_up",
            "Whether a channel works: 0 after five failures in a row, until one message comes through.",
            ["channel"],
            registry=r,
        )
        self.latency = Histogram(
            "shouwang_latency_seconds",
            "Real seconds from a message's arrival to a stage: journalled, felt (a fall seen in acceleration,"
            " which is a message of its own then), decided, recorded, delivered.",
            ["stage"],
            buckets=_LATENCY_BUCKETS,
            registry=r,
        )
        self.end_to_end = Histogram(
            "shouwang_alert_end_to_end_seconds",
            "Real seconds from the device's own time to delivery of an alert that was not late.",
            buckets=_LATENCY_BUCKETS,
            registry=r,
        )
        self.synthetic = Histogram(
            "shouwang_synthetic_call_seconds",
            "Real seconds from the beginning of a test call to a stage; delivered is end to end (R-32).",
            ["stage"],
            buckets=_LATENCY_BUCKETS,
            registry=r,
        )
        self.synthetic_lost = Counter(
            "shouwang_synthetic_calls_lost",
            "Test calls that did not come back within 30 s, by the stage at which they were last seen.",
            ["last_seen"],
            registry=r,
        )
        self.synthetic_success = Gauge(
            "shouwang_synthetic_last_success_timestamp_seconds",
            "When a test call last came back (Unix time); 0 when none did since the start.",
            registry=r,
        )
        self.synthetic_interval = Gauge(
            "shouwang_synthetic_interval_seconds", "How often test calls are made; 0: never.", registry=r
        )
        self.rule_failures = Counter(
            "shouwang_rule_failures",
            "Rules that raised an exception and were disabled for a subject.",
            registry=r,
        )
        self.rules_invalid = Gauge(
            "shouwang_rules_invalid",
            "Problems of the rule file as it is now; above 0 the rules before it go on.",
            registry=r,
        )
        self.file_problems = Gauge(
            "shouwang_file_problems",
            "Problems of the ladder or duty file as it is now; above 0 what was read before goes on.",
            ["file"],
            registry=r,
        )
        self.duty_gaps = Gauge(
            "shouwang_duty_gaps",
            "Posts that nobody is on, now or in the next 12 h (R-41).",
            registry=r,
        )
        self.downlink = Counter(
            "shouwang_downlink",
            "Words for residents' devices (ask, placed, taken, end): published, or failed.",
            ["command", "result"],
            registry=r,
        )
        self.rules_changed = Counter(
            "shouwang_rules_changed", "How often other rules took over, the start included.", registry=r
        )
        self.commit = Histogram(
            "shouwang_store_commit_seconds",
            "Real seconds of one batch into the database.",
            buckets=_LATENCY_BUCKETS,
            registry=r,
        )
        # A series exists from the start, so that its first increase is seen as one.
        for fate in FATES:
            self.fate.labels(fate)
        for reason in Reason:
            self.rejected.labels(reason)
        for stage in STAGES:
            self.latency.labels(stage)
        for seen in SYNTHETIC_STAGES[1:]:
            self.synthetic.labels(seen)
        for seen in SYNTHETIC_STAGES[:-1]:
            self.synthetic_lost.labels(seen)
        for part in PARTS:
            self.up.labels(part).set(0)
        for severity in Severity:
            self.open_alerts.labels(severity)
            self.raised.labels(severity)
        for state in _UNRESOLVED:
            self.standing.labels(state)
        for weight in _QUIET:
            self.quiet.labels(weight)

    def alert(self, event: EpisodeEvent, episode: Episode) -> None:
        """Count what happened to an alert."""
        self.alerts.labels(episode.kind_of(event), event.name).inc()
        if not isinstance(event, (Opened, EvidenceAdded)):
            return
        if not event.calls:
            self.quiet.labels(event.weight).inc()
        elif isinstance(event, Opened) and event.kind != DRILL:
            self.raised.labels(event.severity).inc()

    def stand(
        self,
        *,
        severities: Mapping[Severity, int],
        states: Mapping[State, int],
        stale: int,
        flooded: int,
    ) -> None:
        """Set the gauges of alerts: how many are not resolved, by severity and by state, and the rest."""
        for severity in Severity:
            self.open_alerts.labels(severity).set(severities.get(severity, 0))
        for state in _UNRESOLVED:
            self.standing.labels(state).set(states.get(state, 0))
        self.stale.set(stale)
        self.floods.set(flooded)

    def circuit_is(self, name: str, circuit: Circuit) -> None:
        """Say whether a channel works."""
        self.circuit.labels(name).set(circuit is Circuit.CLOSED)

    def channel(self, name: str) -> None:
        """Let the series of a channel exist from the start."""
        self.undelivered.labels(name)
        for outcome in OUTCOMES:
            self.deliveries.labels(name, outcome)
