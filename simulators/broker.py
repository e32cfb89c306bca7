"""Where the broker is. Rule: a broker is checked when it is described, before anybody connects."""

import ssl
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import unquote, urlsplit

_PORTS = {"mqtt": 1883, "mqtts": 8883}


@dataclass(frozen=True, slots=True)
class Broker:
    """An address, and who we are there. `mqtt5` speaks MQTT 5, otherwise 3.1.1, which every broker knows."""

    host: str
    port: int
    username: str | None = None
    password: str | None = field(default=None, repr=False)
    tls: ssl.SSLContext | None = field(default=None, repr=False)
    mqtt5: bool = False

    def __str__(self) -> str:
        return f"{'mqtts' if self.tls else 'mqtt'}://{self.host}:{self.port}"


def broker_at(
    url: str,
    *,
    username: str | None = None,
    password: str | None = None,
    ca_file: Path | None = None,
    mqtt5: bool = False,
) -> Broker | str:
    """The broker at `mqtt://[user:password@]host[:port]` or `mqtts://...`, or what is wrong with the URL."""
    try:
        parts = urlsplit(url if "://" in url else f"mqtt://{url}")
        port = parts.port
    except ValueError as error:
        return f"not a broker's address: {error}"
    if parts.scheme not in _PORTS or not parts.hostname:
        return "a broker's address is mqtt://host:port or mqtts://host:port"
    if parts.path.strip("/") or parts.query or parts.fragment:
        return "a broker's address ends with the port"
    tls = None
    if parts.scheme == "mqtts":
        try:
            tls = ssl.create_default_context(cafile=ca_file)
        except OSError as error:
            return f"certificate authority {ca_file}: {error}"
    elif ca_file:
        return "a certificate authority needs mqtts://"
    return Broker(
        parts.hostname,
        port or _PORTS[parts.scheme],
        username or (unquote(parts.username) if parts.username else None),
        password or (unquote(parts.password) if parts.password else None),
        tls,
        mqtt5,
    )
