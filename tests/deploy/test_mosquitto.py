"""Broker configuration and ACL on a real Mosquitto: nobody may do more than needed, nothing waiting is lost.

A broker acknowledges over MQTT 3.1.1 also what its ACL makes it drop. So that something did not come is shown
by what is sent after it on the same way, and has come.
"""

import asyncio
import re
import shutil
import ssl
import subprocess
from collections.abc import Iterable
from pathlib import Path

import aiomqtt
import pytest
import yaml

from alerts.synthetic import topic
from ingest.config import BrokerConfig
from tests.deploy.brokers import Mosquitto
from tests.deploy.folder import DEPLOY, make_secrets, uncommented

pytestmark = [
    pytest.mark.integration,
    pytest.mark.skipif(shutil.which("mosquitto") is None, reason="needs mosquitto on PATH"),
]

_SITE = "shouwang/v1/home-1"
_REFUSED = r"(?i)not authori[sz]ed"


async def received(client: aiomqtt.Client, until: str) -> list[str]:
    """The topics of what comes, up to and without `until`."""
    topics: list[str] = []
    async with asyncio.timeout(10):
        while (topic := (await anext(client.messages)).topic.value) != until:
            topics.append(topic)
    return topics


async def passed(broker: Mosquitto, account: str, topics: Iterable[str], last: str) -> list[str]:
    """Which of the topics an account may publish on, as the service sees it. `last` is one that it may."""
    async with broker.client("shouwang") as service, broker.client(account) as sender:
        await service.subscribe("#", qos=1)
        for topic in (*topics, last):
            await sender.publish(topic, b"{}", qos=1)
        return await received(service, last)


async def test_who_has_no_account_or_a_wrong_password_stays_outside(broker: Mosquitto) -> None:
    for port in (broker.devices, broker.inner):
        for options in ({"username": None, "password": None}, {"password": "wrong"}, {"username": "nobody"}):
            with pytest.raises(aiomqtt.MqttError, match=_REFUSED):
                async with broker.client("watch-01", port=port, **options):
                    pytest.fail(f"{options} came in by port {port}")


async def test_a_device_speaks_for_itself_on_the_four_channels_and_nowhere_else(broker: Mosquitto) -> None:
    own = [f"{_SITE}/watch-01/{channel}" for channel in ("telemetry", "event", "motion", "status")]
    others = [
        f"{_SITE}/watch-02/event",
        f"{_SITE}/watch-01/firmware",
        f"{_SITE}/watch-01/event/more",
        f"{_SITE}/alerts/a-1",
        "shouwang/v1/home-2/watch-01/event",
        "zigbee2mqtt/button",
        "application/1/device/2/event/up",
        "watch-01",
    ]
    assert await passed(broker, "watch-01", [*others, *own], own[0]) == []
    assert await passed(broker, "watch-01", own[1:], own[0]) == own[1:]


async def test_a_device_reads_what_it_is_told_and_nobody_else_s(broker: Mosquitto) -> None:
    own, others = f"{_SITE}/watch-01/command", f"{_SITE}/watch-02/command"
    async with broker.client("shouwang") as service, broker.client("watch-01") as device:
        for topic in (own, others, f"{_SITE}/+/command"):
            await device.subscribe(topic, qos=1)
        await service.publish(others, b"{}", qos=1)
        await service.publish(own, b"{}", qos=1)
        assert await received(device, own) == []
        await device.publish(own, b"{}", qos=1)  # nobody commands himself
        await service.subscribe("#", qos=1)
        await device.publish(f"{_SITE}/watch-01/status", b"online", qos=1)
        assert await received(service, f"{_SITE}/watch-01/status") == []


async def test_a_device_reads_nothing_else(broker: Mosquitto) -> None:
    alert, own = f"{_SITE}/alerts/a-1", f"{_SITE}/watch-01/status"
    async with (
        broker.client("shouwang") as service,
        broker.client("display-1") as display,
        broker.client("watch-01") as device,
    ):
        await service.publish(f"{_SITE}/alerts/a-0", b"{}", qos=1, retain=True)
        for filter_ in ("#", "$SYS/#", f"{_SITE}/alerts/#", own):
            # The broker grants the subscription; what matters is that nothing ever comes.
            await device.subscribe(filter_, qos=1)
        await display.subscribe(f"{_SITE}/alerts/#", qos=1)
        await device.publish(own, b"online", qos=1)
        await service.publish(alert, b"{}", qos=1)
        await received(display, alert)
        await device.subscribe("answered-after-all-that-came-before", qos=1)
        assert len(device.messages) == 0


async def test_a_display_reads_the_alerts_of_its_home_and_only_answers_them(broker: Mosquitto) -> None:
    last = f"{_SITE}/alerts/last"
    async with (
        broker.client("shouwang") as service,
        broker.client("display-1") as display,
        broker.client("watch-01") as device,
    ):
        await service.publish(f"{_SITE}/alerts/open", b"{}", qos=1, retain=True)
        await display.subscribe("#", qos=1)
        await service.subscribe("#", qos=1)
        await device.publish(f"{_SITE}/watch-01/telemetry", b"{}", qos=1)
        for topic in (f"{_SITE}/alerts/fake", f"{_SITE}/display-1/event", f"{_SITE}/watch-01/event", last):
            await display.publish(topic, b"{}", qos=1)
        await display.publish("shouwang/v1/home-2/alerts/open/ack", b"{}", qos=1)
        await display.publish(f"{_SITE}/alerts/open/ack", b"{}", qos=1)
        await service.publish("shouwang/v1/home-2/alerts/elsewhere", b"{}", qos=1)
        await service.publish(last, b"{}", qos=1)
        assert await received(display, last) == [f"{_SITE}/alerts/open", f"{_SITE}/alerts/open/ack"]
        seen = await received(service, last)
        assert seen == [
            f"{_SITE}/alerts/open",
            f"{_SITE}/watch-01/telemetry",
            f"{_SITE}/alerts/open/ack",
            "shouwang/v1/home-2/alerts/elsewhere",
        ]


async def test_a_gateway_speaks_for_the_devices_behind_it_only(broker: Mosquitto) -> None:
    behind = [f"{_SITE}/{device}/event" for device in ("button-02", "button-03", "smoke-101", "gateway-1")]
    others = [f"{_SITE}/watch-01/event", f"{_SITE}/alerts/a-1"]
    last = f"{_SITE}/mattress-101-1/telemetry"
    assert await passed(broker, "gateway-1", [*behind, *others], last) == behind


async def test_bridges_speak_in_their_own_trees_only(broker: Mosquitto) -> None:
    zigbee, lorawan = "zigbee2mqtt/button", "application/1/device/2/event/up"
    assert await passed(broker, "zigbee2mqtt", [lorawan, f"{_SITE}/watch-01/event"], zigbee) == []
    assert await passed(broker, "lorawan", [zigbee, f"{_SITE}/watch-01/event"], lorawan) == []


async def test_the_service_may_not_speak_for_devices(broker: Mosquitto) -> None:
    last = f"{_SITE}/alerts/last"
    assert await passed(broker, "shouwang", [f"{_SITE}/watch-01/event", "zigbee2mqtt/button"], last) == []


async def test_the_service_makes_test_calls_and_nobody_else_does(broker: Mosquitto) -> None:
    made = topic(_SITE.rpartition("/")[2])
    last = f"{_SITE}/alerts/last"
    assert await passed(broker, "shouwang", [made], last) == [made]
    own = f"{_SITE}/watch-01/event"
    assert await passed(broker, "watch-01", [made], own) == []


async def test_no_device_can_take_the_service_s_session(broker: Mosquitto) -> None:
    async with broker.client("shouwang", identifier="shouwang", clean_session=False) as service:
        await service.subscribe("#", qos=1)
        async with broker.client("watch-01", identifier="shouwang", clean_session=True) as device:
            await device.publish(f"{_SITE}/watch-01/event", b"{}", qos=1)
            assert await received(service, f"{_SITE}/watch-01/event") == []


async def test_what_comes_while_the_service_is_away_waits_even_over_a_restart(broker: Mosquitto) -> None:
    topics = BrokerConfig().topics
    options = {"identifier": "shouwang", "clean_session": False}
    async with broker.client("shouwang", **options) as service:
        await service.subscribe([(topic, 1) for topic in topics])
    # Of either QoS more than Mosquitto would keep by default, and than may be in flight at once.
    sent = [b"%d" % number for number in range(2400)]
    async with broker.client("watch-01") as device:
        for number, payload in enumerate(sent):
            await device.publish(f"{_SITE}/watch-01/telemetry", payload, qos=int(number < 1200))
    await broker.stop()
    await broker.start()
    async with broker.client("shouwang", **options) as service, asyncio.timeout(90):
        found = [await anext(service.messages) for _ in sent]
    assert [message.payload for message in found] == sent
    assert {message.qos for message in found} == {1}


async def test_a_message_beyond_all_measure_is_dropped_and_its_sender_goes_on(broker: Mosquitto) -> None:
    topic, last = f"{_SITE}/watch-01/telemetry", f"{_SITE}/watch-01/event"
    async with broker.client("shouwang") as service, broker.client("watch-01") as device:
        await service.subscribe("#", qos=1)
        await device.publish(topic, bytes(1_048_577), qos=1)
        await device.publish(topic, bytes(1_048_576), qos=1)
        await device.publish(last, b"{}", qos=1)
        assert await received(service, last) == [topic]


async def test_accounts_come_and_go_while_the_broker_runs(broker: Mosquitto) -> None:
    with pytest.raises(KeyError):
        broker.client("watch-09")
    broker.add("watch-09")
    with pytest.raises(aiomqtt.MqttError, match=_REFUSED):
        async with broker.client("watch-09"):
            pytest.fail("known before the broker read its accounts again")
    await broker.reload()
    own = f"{_SITE}/watch-09/event"
    assert await passed(broker, "watch-09", [f"{_SITE}/watch-01/event"], own) == []
    make_secrets(broker.installation, "remove", "watch-09")
    await broker.reload()
    with pytest.raises(aiomqtt.MqttError, match=_REFUSED):
        async with broker.client("watch-09"):
            pytest.fail("removed, and came in")


@pytest.mark.skipif(shutil.which("mosquitto_sub") is None, reason="needs mosquitto_sub on PATH")
async def test_the_health_check_of_compose_tells_a_good_broker(broker: Mosquitto) -> None:
    service = yaml.safe_load((DEPLOY / "compose.yaml").read_text())["services"]["mosquitto"]
    kind, command = service["healthcheck"]["test"]
    assert kind == "CMD-SHELL"
    command = command.replace("$$", "$").replace("-p 1884", f"-p {broker.inner}")

    async def healthy() -> bool:
        probe = await asyncio.create_subprocess_shell(command, stderr=asyncio.subprocess.DEVNULL)
        async with asyncio.timeout(10):
            return await probe.wait() == 0

    assert await healthy()
    await broker.stop()
    assert not await healthy()


@pytest.mark.skipif(shutil.which("openssl") is None, reason="needs openssl on PATH")
async def test_the_tls_listener_that_is_off_works_when_it_is_on(installation: Path, tmp_path: Path) -> None:
    secrets = installation / "secrets"
    _certificate(secrets / "mqtt_server_crt", secrets / "mqtt_server_key")
    broker = Mosquitto(installation, tmp_path)
    broker.add("watch-01")
    text = uncommented((installation / "mosquitto" / "mosquitto.conf").read_text())
    assert re.findall(r"^listener (\d+)", text, re.MULTILINE) == ["1883", "8883", "1884"]
    broker.write(text)
    await broker.start()
    try:
        trusted = ssl.create_default_context(cafile=str(secrets / "mqtt_server_crt"))
        async with broker.client("shouwang") as service:
            await service.subscribe("#", qos=1)
            async with broker.client(
                "watch-01", port=broker.tls, tls_context=trusted, identifier="x"
            ) as device:
                await device.publish(f"{_SITE}/watch-01/event", b"{}", qos=1)
            assert await received(service, f"{_SITE}/watch-01/event") == []
    finally:
        await broker.stop()


def _certificate(certificate: Path, key: Path) -> None:
    """One for 127.0.0.1, signed by itself."""
    words = "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=localhost".split()
    name = ["-addext", "subjectAltName=IP:127.0.0.1"]
    files = ["-keyout", key, "-out", certificate]
    subprocess.run(["openssl", *words, *name, *files], check=True, capture_output=True, timeout=30)
