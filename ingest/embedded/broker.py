"""An embedded MQTT 3.1.1 broker: nats-server from its wheel, its store in `<data>/broker`.

The one rule: what the broker has acknowledged is on the disk. JetStream's file store writes at once, which
is enough for `kill -9`, but by itself syncs every two minutes, which is not enough for a power cut. Measured
where a sync takes 0.25 ms, with QoS 1 messages of 300 bytes from 8 publishers to one subscriber:

    sync_interval   most messages/s   delay at 500/s (median, 99 %)
    always                     2200                  1.0 ms, 5.5 ms
    1s                        12700                  0.4 ms, 0.9 ms
    2m                        13600

A home sends some hundred messages a second at most, so every message is synced.
"""

import contextlib
import json
import os
import secrets
import socket
from pathlib import Path
from typing import Any

from ingest.embedded.account import account_for, make_private, write_private
from ingest.embedded.binaries import nats_server
from ingest.embedded.guarded import EmbeddedError, Program, Server, claimed, guarded
from ingest.embedded.ports import LOOPBACK, is_free, port_for
from ingest.embedded.server import EmbeddedServer

_STOP = (("SIGTERM", 20.0), ("SIGKILL", 5.0))

_MAX_PAYLOAD = 8 << 20

# How many unacknowledged messages a subscription may have under way, and after how long they come again: not
# at a reconnect, so an SOS that was on its way to a service that died waits so long. But a service so slow
# that it has not acknowledged by then gets them twice, and since a session has only as many places as one
# subscription, new messages then find none and come later, out of order. 250 in 5 s: slower than 50 a second.
_MAX_ACK_PENDING = 250
_ACK_WAIT = "5s"

_CONNECT = b"\x10\x18\x00\x04MQTT\x04\x02\x00\x0a\x00\x0cshouwang-try"
_CONNACK = b"\x20\x02\x00\x00"
_DISCONNECT = b"\xe0\x00"


class EmbeddedBroker(EmbeddedServer):
    """An MQTT broker that lives as long as this object is started; a context manager.

    It listens on the loopback interface, on `port`, or with 0 on the port it had last time or any free one.
    `url`, `port` and `pid` (of the server) exist once started. `sync_interval` is JetStream's: a simulation
    at many times the speed of life may say "1s", and lose that second in a power cut.
    """

    name = "MQTT broker"
    url: str
    port: int

    def __init__(self, data: Path, port: int = 0, *, sync_interval: str = "always") -> None:
        super().__init__(data.absolute() / "broker")
        self._wanted = port
        self._sync_interval = sync_interval

    def _start(self, opened: contextlib.ExitStack) -> Server:
        lock = opened.enter_context(claimed(self._folder))
        port_file = self._folder / "port"
        if self._wanted and not is_free(self._wanted):
            raise EmbeddedError(
                f"port {self._wanted} is taken: stop the program that uses it, or choose another port"
            )
        port = self._wanted or port_for(port_file)  # asked once: another service's look takes it for a moment
        store = self._folder / "store"
        account = account_for(store)
        make_private(store, account)
        write_private(
            store / "nats.conf", json.dumps(_configuration(port, self._sync_interval), indent=2), account
        )
        # By descriptor, since another account may not be able to walk to it.
        executable = os.open(nats_server(), os.O_RDONLY)
        opened.callback(os.close, executable)
        program = Program(
            name="nats-server",
            argv=["nats-server", "-c", "nats.conf"],
            executable=f"/proc/self/fd/{executable}" if account else str(nats_server()),
            folder=store,
            log=self._folder / "broker.log",
            stop=_STOP,
            account=account,
            handles=(lock, executable),
        )
        server = opened.enter_context(guarded(program))
        server.wait_until(lambda: _welcomes(port))
        write_private(port_file, str(port))
        self.port = port
        self.url = f"mqtt://{LOOPBACK}:{port}"
        return server


def _configuration(port: int, sync_interval: str) -> dict[str, Any]:
    """What nats-server shall be; its configuration language includes JSON."""
    return {
        "server_name": "shouwang",
        # The port for NATS' own clients cannot be left out: any port, and a password nobody knows.
        "listen": f"{LOOPBACK}:-1",
        "accounts": {
            "shouwang": {
                "jetstream": "enabled",
                "users": [{"user": "mqtt", "password": secrets.token_urlsafe(24)}],
            }
        },
        "max_payload": _MAX_PAYLOAD,
        "logtime_utc": True,
        "jetstream": {"store_dir": ".", "sync_interval": sync_interval},
        "mqtt": {
            "listen": f"{LOOPBACK}:{port}",
            "no_auth_user": "mqtt",
            "ack_wait": _ACK_WAIT,
            "max_ack_pending": _MAX_ACK_PENDING,
        },
    }


def _welcomes(port: int) -> bool:
    """Whether the broker accepts a session, which it does only when its store works."""
    try:
        with socket.create_connection((LOOPBACK, port), timeout=10) as client:
            client.sendall(_CONNECT)
            welcome = client.recv(len(_CONNACK), socket.MSG_WAITALL)
            client.sendall(_DISCONNECT)
    except OSError:
        return False
    return welcome == _CONNACK
