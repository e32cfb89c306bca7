"""Whether each resident has a working way to call, through silence, outages and returns."""

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from devices.observation import Quality
from devices.registry import Registry, Supervision
from rules.decision import Change, Decision, Severity
from rules.engine import Engine
from rules.kinds.unprotected import without_line
from tests.rules.home import DAY, HOME, HOUR, MINUTE, SECOND, heard, local, rules

NOW = local("2025-11-22 12:00")
RULES = rules('[[rule]]\nid = "unprotected"\nkind = "unprotected"')


def engine(registry: Registry = HOME) -> Engine:
    return Engine(RULES, registry, NOW)


def told(decisions: list[Decision]) -> list[tuple[str, str, str, int]]:
    return [(d.change, d.subject, d.cause, (d.at - NOW) // SECOND) for d in decisions]


def keep_talking(watch: Engine, *devices: str, until: int, since: int = 0) -> list[Decision]:
    """Every minute each of these devices says something, from a minute after `since` on (s from NOW)."""
    made = []
    for second in range(since + 60, until + 1, 60):
        for device in devices:
            made += watch.observe(heard(device, "heart_rate", NOW + second * SECOND, 70.0))
    return made


def test_r22_a_device_silent_for_its_class_is_lost() -> None:
    watch = engine()
    watch.observe(heard("watch", "battery", NOW + 10 * SECOND, 80.0))
    assert told(watch.tick(NOW + 99_999)) == []
    (decision,) = watch.tick(NOW + 100 * SECOND)
    assert (decision.change, decision.severity) == (Change.RAISE, Severity.MEDIUM)
    assert (decision.subject, decision.cause) == ("wang", "device:home/watch")
    assert decision.evidence.key == f"unprotected|wang|{NOW + 100 * SECOND}"


def test_silence_before_a_device_was_ever_heard_counts_from_the_start() -> None:
    assert told(engine().tick(NOW + 90 * SECOND)) == [("raise", "wang", "device:home/watch", 90)]


def test_r27_lost_once_back_once() -> None:
    watch = engine()
    watch.tick(NOW + 90 * SECOND)
    assert told(keep_talking(watch, "band", until=DAY // SECOND // 24))[:1] == [
        ("raise", "zhao", "device:home/button", 180)
    ]
    back = watch.observe(heard("watch", "heart_rate", NOW + HOUR + SECOND, 70.0))
    assert told(back) == [("clear", "wang", "device:home/watch", 3601)]
    assert watch.observe(heard("watch", "heart_rate", NOW + HOUR + 2 * SECOND, 70.0)) == []


def test_r26_a_device_that_says_goodbye_is_lost_after_the_delay() -> None:
    watch = engine()
    keep_talking(watch, "watch", "band", until=60)
    watch.observe(heard("watch", "online", NOW + 61 * SECOND, value=False))
    assert told(watch.tick(NOW + 90 * SECOND)) == []
    assert told(watch.tick(NOW + 91 * SECOND)) == [("raise", "wang", "device:home/watch", 91)]


def test_a_reconnect_within_the_delay_is_no_outage() -> None:
    watch = engine()
    watch.observe(heard("watch", "online", NOW + SECOND, value=False))
    watch.observe(heard("watch", "online", NOW + 20 * SECOND, value=True))
    assert told(watch.tick(NOW + 109 * SECOND)) == []


def test_the_delay_can_be_nothing() -> None:
    watch = Engine(rules('[[rule]]\nid = "u"\nkind = "unprotected"\nafter = "0s"'), HOME, NOW)
    assert told(watch.observe(heard("watch", "online", NOW + SECOND, value=False))) == [
        ("raise", "wang", "device:home/watch", 1)
    ]


def test_r49_a_gateway_is_one_cause_for_all_behind_it() -> None:
    watch = engine()
    keep_talking(watch, "watch", "band", "pendant", until=60)
    watch.observe(heard("hub", "online", NOW + 61 * SECOND, value=False))
    decisions = watch.tick(NOW + 91 * SECOND)
    assert told(decisions) == [
        ("raise", "li", "gateway:home/hub", 91),
        ("raise", "wang", "gateway:home/hub", 91),
    ]
    back = watch.observe(heard("hub", "online", NOW + 95 * SECOND, value=True))
    assert sorted(told(back)) == [
        ("clear", "li", "gateway:home/hub", 95),
        ("clear", "wang", "gateway:home/hub", 95),
    ]


def test_the_gateway_is_the_cause_even_when_its_devices_were_told_lost_first() -> None:
    watch = engine()
    watch.observe(heard("watch", "online", NOW + SECOND, value=False))
    watch.observe(heard("hub", "online", NOW + 5 * SECOND, value=False))
    assert told(watch.tick(NOW + 31 * SECOND)) == [("raise", "wang", "gateway:home/hub", 31)]


def test_a_device_proves_its_gateway_alive() -> None:
    watch = engine()
    watch.observe(heard("hub", "online", NOW + SECOND, value=False))
    watch.observe(heard("watch", "heart_rate", NOW + 10 * SECOND, 70.0))
    assert told(watch.tick(NOW + 31 * SECOND)) == [("raise", "li", "gateway:home/hub", 31)]


def test_another_way_to_call_is_enough() -> None:
    watch = engine()
    keep_talking(watch, "watch", "band", "pendant", until=300)
    assert told(watch.tick(NOW + 300 * SECOND)) == [], "the button of zhao has been silent since the start"
    watch.observe(heard("pendant", "online", NOW + 301 * SECOND, value=False))
    lost = [d for d in watch.tick(NOW + 331 * SECOND) if d.subject == "zhao"]
    assert told(lost) == [("raise", "zhao", "device:home/pendant", 331)]


def test_a_device_that_cannot_call_protects_nobody() -> None:
    watch = engine()
    watch.observe(heard("bed", "heart_rate", NOW + 80 * SECOND, 60.0))
    assert told(watch.tick(NOW + 90 * SECOND)) == [("raise", "wang", "device:home/watch", 90)]


def test_a_retained_online_proves_nothing() -> None:
    watch = engine()
    watch.observe(heard("watch", "online", NOW + 60 * SECOND, value=True, quality=Quality.STALE))
    assert told(watch.tick(NOW + 90 * SECOND)) == [("raise", "wang", "device:home/watch", 90)]


def test_a_retained_offline_is_the_present_state() -> None:
    watch = engine()
    watch.observe(heard("hub", "online", NOW, value=False, quality=Quality.STALE))
    assert ("raise", "wang", "gateway:home/hub", 30) in told(watch.tick(NOW + 30 * SECOND))


def test_r90_history_proves_nothing() -> None:
    watch = engine()
    watch.observe(heard("watch", "heart_rate", NOW + 60 * SECOND, 70.0, late=True))
    assert told(watch.tick(NOW + 90 * SECOND)) == [("raise", "wang", "device:home/watch", 90)]


def test_r94_a_bad_value_still_shows_that_the_device_lives() -> None:
    watch = engine()
    watch.observe(heard("watch", "heart_rate", NOW + 60 * SECOND, 0.0, quality=Quality.BAD))
    assert told(watch.tick(NOW + 90 * SECOND)) == []


def test_an_ungiven_gateway_and_devices_of_any_site_are_known_by_their_id() -> None:
    registry = Registry.of(
        residents=HOME.residents.values(),
        devices=[
            replace(HOME.devices["home", "watch"], site="", gateway="somewhere"),
            replace(HOME.devices["home", "band"], site="elsewhere"),
        ],
    )
    watch = engine(registry)
    watch.observe(heard("watch", "heart_rate", NOW + 60 * SECOND, 70.0))
    watch.observe(heard("band", "heart_rate", NOW + 60 * SECOND, 70.0))
    watch.observe(heard("somewhere", "online", NOW + 70 * SECOND, value=False))
    assert told(watch.tick(NOW + 180 * SECOND)) == [
        ("raise", "wang", "gateway:/somewhere", 100),
        ("raise", "li", "device:elsewhere/band", 180),
    ]


def test_a_hub_with_a_button_of_its_own_is_gateway_and_line_at_once() -> None:
    registry = Registry.of(
        residents=[HOME.residents["wang"]],
        devices=[
            HOME.devices["home", "watch"],
            replace(HOME.devices["home", "hub"], resident="wang", calls=True),
        ],
    )
    watch = engine(registry)
    watch.observe(heard("hub", "online", NOW + SECOND, value=False))
    assert told(watch.tick(NOW + 31 * SECOND)) == [("raise", "wang", "gateway:home/hub", 31)]
    back = watch.observe(heard("hub", "online", NOW + 40 * SECOND, value=True))
    assert told(back) == [("clear", "wang", "gateway:home/hub", 40)]


def test_of_two_lines_lost_at_once_the_gateway_is_the_cause() -> None:
    watch = engine()
    watch.observe(heard("pendant", "online", NOW + SECOND, value=False))
    watch.observe(heard("hub-2", "online", NOW + SECOND, value=False))
    assert told(watch.tick(NOW + 31 * SECOND)) == [("raise", "zhao", "gateway:home/hub-2", 31)]


def test_a_line_proves_the_gateway_of_her_other_lines() -> None:
    """The watch and a button behind the hub, which has a button of its own, behind a bridge."""
    hers = [
        replace(HOME.devices["home", "watch"], supervision=Supervision.H5),
        replace(HOME.devices["home", "button"], resident="wang", gateway="hub"),
        replace(
            HOME.devices["home", "hub"],
            resident="wang",
            calls=True,
            gateway="bridge",
            supervision=Supervision.S90,
        ),
    ]
    registry = Registry.of(residents=[HOME.residents["wang"]], devices=hers)
    for proof in ("button", "hub"):
        watch = engine(registry)
        watch.observe(heard("hub", "online", NOW + SECOND, value=False))
        watch.observe(heard(proof, "battery", NOW + 2 * SECOND, 70.0))
        assert told(watch.tick(NOW + HOUR)) == [], f"{proof} spoke, so the watch has a way"


def test_a_message_processed_out_of_turn_shortens_no_silence() -> None:
    watch = engine()
    watch.observe(heard("watch", "heart_rate", NOW + 60 * SECOND, 70.0))
    watch.observe(heard("watch", "heart_rate", NOW + 50 * SECOND, 70.0))
    assert told(watch.tick(NOW + 149 * SECOND)) == []
    assert told(watch.tick(NOW + 150 * SECOND)) == [("raise", "wang", "device:home/watch", 150)]


def test_the_return_is_dated_when_it_was_heard_whatever_the_devices_clock_says() -> None:
    watch = engine()
    watch.tick(NOW + 90 * SECOND)
    (back,) = watch.observe(heard("watch", "heart_rate", NOW + 80 * SECOND, 70.0, delay=11 * SECOND))
    assert back.change is Change.CLEAR
    assert back.evidence.at == NOW + 91 * SECOND


def test_residents_without_a_line_are_a_gap_in_the_plan_and_no_event() -> None:
    assert without_line(HOME) == ["meyer"]
    assert not [d for d in engine().tick(NOW + 30 * DAY) if d.subject == "meyer"]


def test_residents_on_leave_are_not_reported_until_they_are_back() -> None:
    away = Registry.of(
        residents=[replace(HOME.residents["wang"], away=True)], devices=[HOME.devices["home", "watch"]]
    )
    watch = engine(away)
    assert watch.tick(NOW + 3 * HOUR) == []
    back = Engine(RULES, HOME, NOW + 3 * HOUR)
    back.restore(watch.dirty())
    raised = [d for d in back.tick(NOW + 4 * HOUR) if d.subject == "wang"]
    assert [d.change for d in raised] == [Change.RAISE]


def test_a_new_device_ends_the_alert_when_it_is_heard() -> None:
    watch = engine()
    watch.tick(NOW + 90 * SECOND)
    registry = Registry.of(
        residents=HOME.residents.values(),
        devices=[*HOME.devices.values(), replace(HOME.devices["home", "watch"], id="watch-2", gateway="")],
    )
    after = engine(registry)
    after.restore(watch.dirty())
    assert not [d for d in after.tick(NOW + MINUTE) if d.subject == "wang"]
    (back,) = after.observe(heard("watch-2", "heart_rate", NOW + 100 * SECOND, 70.0, resident="wang"))
    assert (back.change, back.cause) == (Change.CLEAR, "device:home/watch")


def test_our_own_deafness_is_no_silence_of_theirs() -> None:
    watch = engine()
    keep_talking(watch, "watch", until=60)
    watch.deaf(NOW + 70 * SECOND, NOW + HOUR)
    assert told(watch.tick(NOW + HOUR + 79 * SECOND)) == []
    assert told(watch.tick(NOW + HOUR + 80 * SECOND)) == [("raise", "wang", "device:home/watch", 3680)]


EVENTS = st.lists(
    st.tuples(
        st.integers(0, 40),
        st.sampled_from(["pendant", "button", "hub-2"]),
        st.sampled_from(["online", "offline", "value"]),
    ),
    max_size=30,
)


@given(EVENTS)
def test_raises_and_clears_alternate_as_protection_ends_and_returns(
    events: list[tuple[int, str, str]],
) -> None:
    """Against a plain model: at each second, asks the whole history whether a line of zhao's works."""
    history: list[tuple[int, str, str]] = []
    second = 0
    for gap, device, kind in events:
        second += gap
        if not (device == "hub-2" and kind == "value"):
            history.append((second, device, kind))
    end = second + 400

    def works(now: int, told: int) -> bool:
        """Whether a line works at `now`, by what was told up to `told`."""

        def since_lost(proofs: set[tuple[str, str]], losses: set[tuple[str, str]]) -> int:
            """Seconds for which the device or gateway has been told lost, -1 when it is not."""
            since = -1
            for at, who, kind in history:
                if at <= told and (who, kind) in losses and since < 0:
                    since = at
                elif at <= told and (who, kind) in proofs:
                    since = -1
            return -1 if since < 0 else now - since

        for device, silence, gateway in (("pendant", 90, ""), ("button", 180, "hub-2")):
            alive = {(device, "online"), (device, "value")}
            last = max([at for at, who, kind in history if (who, kind) in alive and at <= told], default=0)
            own = since_lost(alive, {(device, "offline")})
            cut = since_lost(alive | {(gateway, "online")}, {(gateway, "offline")})
            if now - last < silence and own < 30 and cut < 30:
                return True
        return False

    expected = []
    protected = True
    for now in range(end + 1):
        for told in (now - 1, now):  # a deadline comes before what is heard at the same time
            if works(now, told) != protected:
                protected = not protected
                expected.append(("clear" if protected else "raise", now))
    watch = engine()
    decisions = []
    for at, device, kind in history:
        metric, value = ("heart_rate", 70.0) if kind == "value" else ("online", kind == "online")
        decisions += watch.observe(heard(device, metric, NOW + at * SECOND, value))
    decisions += watch.tick(NOW + end * SECOND)
    assert [(d.change, (d.at - NOW) // SECOND) for d in decisions if d.subject == "zhao"] == expected
