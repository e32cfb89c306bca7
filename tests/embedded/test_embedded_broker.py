"""The embedded broker: what it keeps, what it refuses, who can talk to it."""

import contextlib
import json
import os
import queue
import signal
import socket
from collections.abc import Iterator
from pathlib import Path

import paho.mqtt.client as mqtt
import pytest

from ingest.embedded import EmbeddedBroker, EmbeddedError

pytestmark = pytest.mark.integration

PATIENCE_S = 20


class Client:
    """A client whose messages and acknowledgements come through queues."""

    def __init__(self, name: str, *, clean: bool = True) -> None:
        self.messages: queue.Queue[mqtt.MQTTMessage] = queue.Queue()
        self.granted: queue.Queue[list[int]] = queue.Queue()
        self.connected: queue.Queue[bool] = queue.Queue()
        self.lost: queue.Queue[str] = queue.Queue()
        self.session_present = False
        self.paho = mqtt.Client(mqtt.CallbackAPIVersion.VERSION2, client_id=name, clean_session=clean)
        self.paho.on_message = lambda _c, _u, message: self.messages.put(message)
        self.paho.on_subscribe = lambda _c, _u, _m, codes, _p: self.granted.put(
            [code.value for code in codes]
        )
        self.paho.on_connect = lambda _c, _u, flags, _r, _p: self.connected.put(flags.session_present)
        self.paho.on_disconnect = lambda _c, _u, _f, reason, _p: self.lost.put(str(reason))

    def subscribe(self, *filters: str) -> list[int]:
        self.paho.subscribe([(one, 1) for one in filters])
        return self.granted.get(timeout=PATIENCE_S)

    def publish(self, topic: str, payload: bytes) -> None:
        """Returns when the broker has acknowledged."""
        self.paho.publish(topic, payload, qos=1).wait_for_publish(PATIENCE_S)


@contextlib.contextmanager
def connected(broker: EmbeddedBroker, name: str, *, clean: bool = True) -> Iterator[Client]:
    client = Client(name, clean=clean)
    client.paho.connect("127.0.0.1", broker.port)
    client.paho.loop_start()
    try:
        client.session_present = client.connected.get(timeout=PATIENCE_S)
        yield client
    finally:
        client.paho.disconnect()
        client.paho.loop_stop()


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedBroker]:
    with EmbeddedBroker(tmp_path_factory.mktemp("data")) as started:
        yield started


def test_messages_pass(broker: EmbeddedBroker) -> None:
    assert broker.url == f"mqtt://127.0.0.1:{broker.port}"
    with connected(broker, "reader") as reader, connected(broker, "writer") as writer:
        assert reader.subscribe("shouwang/v1/#") == [1]
        writer.publish("shouwang/v1/home/button-1/event", b'{"event": "sos"}')
        message = reader.messages.get(timeout=PATIENCE_S)
        assert (message.topic, message.payload) == ("shouwang/v1/home/button-1/event", b'{"event": "sos"}')


@pytest.mark.faults
def test_an_acknowledged_message_survives_kill_9(tmp_path: Path) -> None:
    broker = EmbeddedBroker(tmp_path)
    with broker:
        with connected(broker, "service", clean=False) as service:
            service.subscribe("home/#")
        with connected(broker, "device") as device:
            for number in range(100):
                device.publish("home/button", b"%d" % number)
            os.kill(broker.pid, signal.SIGKILL)
    port = broker.port
    with broker:
        assert broker.port == port
        with connected(broker, "service", clean=False) as service:
            assert service.session_present
            seen = {service.messages.get(timeout=PATIENCE_S).payload for _ in range(100)}
            assert seen == {b"%d" % number for number in range(100)}


@pytest.mark.faults
def test_a_retained_message_survives_kill_9(tmp_path: Path) -> None:
    broker = EmbeddedBroker(tmp_path)
    with broker, connected(broker, "device") as device:
        device.paho.publish("status", b"online", qos=1, retain=True).wait_for_publish(PATIENCE_S)
        os.kill(broker.pid, signal.SIGKILL)
    with broker, connected(broker, "service") as service:
        service.subscribe("status")
        assert service.messages.get(timeout=PATIENCE_S).payload == b"online"


def test_every_message_is_synced_before_it_is_acknowledged(broker: EmbeddedBroker) -> None:
    configuration = json.loads((broker._folder / "store/nats.conf").read_text())
    assert configuration["jetstream"]["sync_interval"] == "always"


def test_a_large_message_passes(broker: EmbeddedBroker) -> None:
    with connected(broker, "reader") as reader, connected(broker, "writer") as writer:
        reader.subscribe("large")
        writer.publish("large", bytes(1 << 20))
        assert len(reader.messages.get(timeout=PATIENCE_S).payload) == 1 << 20


def test_a_huge_message_is_refused(broker: EmbeddedBroker) -> None:
    with connected(broker, "writer") as writer:
        sent = writer.paho.publish("huge", bytes(10 << 20), qos=1)
        assert writer.lost.get(timeout=PATIENCE_S)
        assert not sent.is_published()
    with connected(broker, "writer") as writer:
        writer.publish("small", b"still there")


def test_a_session_has_room_for_many_filters(broker: EmbeddedBroker) -> None:
    with connected(broker, "service", clean=False) as service:
        for number in range(32):
            assert service.subscribe(f"family-{number}/#") == [1]


def test_many_messages_may_wait_for_their_acknowledgement(broker: EmbeddedBroker) -> None:
    with connected(broker, "slow", clean=False) as slow, connected(broker, "writer") as writer:
        slow.paho.manual_ack_set(on=True)
        slow.subscribe("many")
        sent = [writer.paho.publish("many", b"%d" % number, qos=1) for number in range(250)]
        for one in sent:
            one.wait_for_publish(PATIENCE_S)
        assert len({slow.messages.get(timeout=PATIENCE_S).payload for _ in range(250)}) == 250


def _listening(pid: int) -> set[tuple[str, int]]:
    """Where a process listens."""
    sockets = set()
    for handle in Path(f"/proc/{pid}/fd").iterdir():
        with contextlib.suppress(FileNotFoundError):
            sockets.add(str(handle.readlink()))
    found = set()
    for table in ("tcp", "tcp6"):
        for line in Path(f"/proc/{pid}/net/{table}").read_text().splitlines()[1:]:
            words = line.split()
            if words[3] == "0A" and f"socket:[{words[9]}]" in sockets:
                address, port = words[1].split(":")
                found.add((address, int(port, 16)))
    return found


def test_it_listens_on_the_loopback_interface_only(broker: EmbeddedBroker) -> None:
    found = _listening(broker.pid)
    assert {address for address, _ in found} == {"0100007F"}
    ports = {port for _, port in found} - {broker.port}
    assert len(ports) == 1  # for NATS clients; none for monitoring


def test_the_port_for_nats_clients_is_closed_to_all(broker: EmbeddedBroker) -> None:
    (port,) = {port for _, port in _listening(broker.pid)} - {broker.port}
    with socket.create_connection(("127.0.0.1", port), timeout=PATIENCE_S) as client:
        client.sendall(b'CONNECT {"verbose":false}\r\nPING\r\n')
        heard = b""
        while chunk := client.recv(4096):
            heard += chunk
    assert b"Authorization Violation" in heard
    assert b"PONG" not in heard


def test_the_server_is_not_root(broker: EmbeddedBroker) -> None:
    assert Path(f"/proc/{broker.pid}").stat().st_uid != 0


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def test_a_port_of_choice(tmp_path: Path) -> None:
    port = _free_port()
    with EmbeddedBroker(tmp_path, port) as broker:
        assert broker.port == port
        with connected(broker, "anyone"):
            pass


def test_a_port_of_choice_that_is_taken(tmp_path: Path, broker: EmbeddedBroker) -> None:
    with pytest.raises(EmbeddedError, match=f"port {broker.port} is taken"):
        EmbeddedBroker(tmp_path, broker.port).start()


def test_a_remembered_port_that_is_taken_is_given_up(tmp_path: Path) -> None:
    with EmbeddedBroker(tmp_path) as first:
        pass
    with socket.socket() as other:
        other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        other.bind(("127.0.0.1", first.port))
        other.listen()
        with EmbeddedBroker(tmp_path) as second:
            assert second.port != first.port


def test_one_launcher_to_a_folder(broker: EmbeddedBroker) -> None:
    with pytest.raises(EmbeddedError, match=f"in use by process {os.getpid()}: stop that one first"):
        EmbeddedBroker(broker._folder.parent).start()


def test_what_the_server_complains_about_is_shown(tmp_path: Path) -> None:
    with pytest.raises(EmbeddedError, match=r"(?s)broker\.log ends with:.*sync_interval"):
        EmbeddedBroker(tmp_path, sync_interval="sometimes").start()
