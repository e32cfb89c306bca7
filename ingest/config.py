"""The service's configuration: one TOML file, with the environment on top.

Rule: an unknown key is an error, all errors are told at once, and secrets can stand in files of their own.
"""

import re
import ssl
import tomllib
from itertools import zip_longest
from pathlib import Path
from typing import Annotated, Literal
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, SecretStr, ValidationError, model_validator
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict, SettingsError

from alerts.people import Language
from devices.families import FAMILIES
from devices.registry_files import Problem
from rules.settings import Duration
from rules.toml_lines import line_of, lines

EMBEDDED = "embedded"
"""In place of a broker's URL or a database's DSN: start one of our own under `data`."""

_MINUTE_MS, _HOUR_MS = 60_000, 3_600_000


def _mqtt_url(url: str) -> str:
    parts = urlsplit(url)
    if url != EMBEDDED and (parts.scheme not in {"mqtt", "mqtts"} or not parts.hostname):
        raise ValueError('must be "embedded", mqtt://host[:port] or mqtts://host[:port]')
    if parts.username or parts.password:
        raise ValueError("give username and password_file instead of credentials in the URL")
    try:
        _ = parts.port
    except ValueError:
        raise ValueError("has a port that is no number up to 65535") from None
    return url


def _http_url(url: str) -> str:
    if urlsplit(url).scheme not in {"http", "https"} or not urlsplit(url).hostname:
        raise ValueError("must be http://... or https://...")
    return url


def _public_url(url: str) -> str:
    return _http_url(url) if url else url


def _zone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise ValueError("is no time zone of the IANA database, like Asia/Shanghai") from None
    return name


def _topic_filter(topic: str) -> str:
    levels = topic.split("/")
    wild = [level for level in levels if "+" in level or "#" in level]
    if not topic or " " in topic or "\0" in topic or not {"+", "#"}.issuperset(wild) or "#" in levels[:-1]:
        raise ValueError("is no MQTT topic filter")
    return topic


def _often(every_ms: int) -> int:
    if every_ms and not _MINUTE_MS <= every_ms <= _HOUR_MS:
        raise ValueError('must be from "1min" to "1h", or "0s" for never')
    return every_ms


def _site(name: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9_.:-]{1,64}", name):
        raise ValueError("may hold A-Z a-z 0-9 _ . : - and at most 64 of them")
    return name


def _covers(wide: str, narrow: str) -> bool:
    """Whether one topic filter fetches all that another does (MQTT 3.1.1, 4.7)."""
    wider, narrower = wide.split("/"), narrow.split("/")
    if narrow.startswith("$") and not wide.startswith("$"):
        return False
    for level, (one, other) in enumerate(zip_longest(wider, narrower)):
        if one == "#":
            return level <= len(narrower)
        if one is None or other is None or (one not in {"+", other}) or other == "#":
            return False
    return True


_NATIVE_LEVELS = 5
"""Levels of the native protocol's topics, which have connections of their own."""


def vendor_topics() -> list[str]:
    """What is read of all but the native protocol, where the configuration does not say.

    Every topic of fewer levels, since devices choose their own names and bases, and no button may be missed
    because of its name; of deeper ones those of the known families, and what begins with `$`, which wildcards
    do not fetch. Without filters that others cover: some brokers send a message for each that matches.
    """
    wanted = dict.fromkeys("/".join("+" * levels) for levels in range(1, _NATIVE_LEVELS))
    for family in FAMILIES.values():
        wanted |= dict.fromkeys(_deep(topic) for topic in family.topics if family.name != "native")
    return [one for one in wanted if not any(other != one and _covers(other, one) for other in wanted)]


def _deep(topic: str) -> str:
    """The part of a filter that fetches as many levels as the native protocol has, or more."""
    levels = topic.split("/")
    if levels[-1] == "#" and not topic.startswith("$"):
        base = levels[:-1]
        return "/".join((*base, *"+" * (_NATIVE_LEVELS - len(base)), "#"))
    return topic


_VENDORS = vendor_topics()


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class BrokerConfig(_Part):
    """The broker messages come from, and alerts go to."""

    url: Annotated[str, AfterValidator(_mqtt_url)] = EMBEDDED
    version: Literal["3.1.1", "5"] = "3.1.1"
    client_id: str = Field("shouwang", min_length=1, max_length=64)
    username: str = ""
    password: SecretStr = SecretStr("")
    password_file: Path | None = None
    ca_file: Path | None = None
    cert_file: Path | None = None
    key_file: Path | None = None
    max_in_flight: int = Field(10_000, ge=1, le=65_535)
    life_safety_topics: list[Annotated[str, AfterValidator(_topic_filter)]] = [
        "shouwang/v1/+/+/event",
        "shouwang/v1/+/alerts/+/ack",
    ]
    topics: list[Annotated[str, AfterValidator(_topic_filter)]] = [
        "shouwang/v1/+/+/telemetry",
        "shouwang/v1/+/+/status",
        "shouwang/v1/+/+/motion",
        *_VENDORS,
    ]

    def reads(self, topic: str) -> bool:
        """Whether one of the filters fetches a topic."""
        return any(_covers(filter_, topic) for filter_ in (*self.life_safety_topics, *self.topics))

    def tls(self) -> ssl.SSLContext | None:
        """The TLS context for mqtts, None for mqtt. Raises OSError for a missing or bad certificate."""
        if not self.url.startswith("mqtts:"):
            return None
        context = ssl.create_default_context(cafile=str(self.ca_file) if self.ca_file else None)
        if self.cert_file is not None:
            context.load_cert_chain(self.cert_file, self.key_file)
        return context

    def secret(self) -> str:
        """The password, else that in its file. Raises OSError."""
        return _secret(self.password, self.password_file)


class DatabaseConfig(_Part):
    """PostgreSQL or TimescaleDB."""

    dsn: SecretStr = SecretStr(EMBEDDED)
    dsn_file: Path | None = None

    def secret(self) -> str:
        """The DSN, else that in its file. Raises OSError."""
        return _secret(self.dsn, self.dsn_file, EMBEDDED)


class ApiConfig(_Part):
    """The HTTP API. Anybody who may reach it needs the token.

    `public_url` is where staff reach it with their telephones; with it, messages hold a link to act by.
    """

    host: str = "127.0.0.1"
    port: int = Field(8080, ge=0, le=65_535)
    token: SecretStr = SecretStr("")
    token_file: Path | None = None
    open_metrics: bool = False
    public_url: Annotated[str, AfterValidator(_public_url)] = ""

    def secret(self) -> str:
        """The bearer token, else that in its file. Raises OSError."""
        return _secret(self.token, self.token_file)


class AlertsConfig(_Part):
    """How alerts may end.

    `close_needs_presence`: what is about somebody's life is closed only once somebody was with the resident,
    or spoke with her (R-17).
    """

    close_needs_presence: bool = False


class SyntheticConfig(_Part):
    """How often a test call goes the whole way of a call for help (R-32); 0: never."""

    every: Annotated[Duration, AfterValidator(_often)] = 300_000


class WebhookConfig(_Part):
    """Somebody who is told of every alert by HTTP POST, signed with `secret`. `outside` as of a channel."""

    name: str = Field(pattern=r"^[a-z0-9-]{1,32}$")
    url: Annotated[str, AfterValidator(_http_url)]
    secret: SecretStr = SecretStr("")
    secret_file: Path | None = None
    timeout_s: float = Field(5.0, gt=0, le=60)
    outside: bool = False

    def key(self) -> str:
        """The signing secret, else that in its file. Raises OSError."""
        return _secret(self.secret, self.secret_file)

    @model_validator(mode="after")
    def _has_secret(self) -> "WebhookConfig":
        if not self.secret.get_secret_value() and self.secret_file is None:
            raise ValueError(
                "needs secret or secret_file: receivers must be able to tell our calls from others'"
            )
        return self


_PLACE = re.compile(r"\{([a-z][a-z0-9_]*)\}")


class ChannelConfig(_Part):
    """A way to tell people, of the steps of a ladder.

    `apprise`: `url` is one of Apprise's; `{phone}` in it is the address of that kind of each person's in the
    duty file. `webhook`: a signed POST to `url`. `voice`: the same to a telephone gateway, which rings the
    person's `address`. `private`: texts may name residents, for a channel that only staff can read.
    `outside`: it leads out of the house (family, 120, the street): no drill is ever told by it (R-119).
    `replies`: people write back by it, and a gateway passes that on, signed with `secret`
    (`ingest.replies_api`); `address` is by what they are known where `url` names none.
    """

    name: str = Field(pattern=r"^[a-z0-9-]{1,32}$")
    kind: Literal["apprise", "webhook", "voice"] = "apprise"
    url: SecretStr = SecretStr("")
    url_file: Path | None = None
    secret: SecretStr = SecretStr("")
    secret_file: Path | None = None
    address: str = Field("phone", pattern=r"^[a-z][a-z0-9_]{0,31}$")
    private: bool = False
    outside: bool = False
    replies: bool = False
    language: Language = Language.ZH
    timeout_s: float = Field(10.0, gt=0, le=60)

    def where(self) -> str:
        """The URL, else that in its file. Raises OSError."""
        return _secret(self.url, self.url_file)

    def key(self) -> str:
        """The signing secret, else that in its file. Raises OSError."""
        return _secret(self.secret, self.secret_file)

    def asks(self) -> list[str]:
        """The kinds of address that it asks of a person, such as `phone`. Raises OSError."""
        if self.kind == "apprise":
            return _PLACE.findall(self.where())
        return [self.address] if self.kind == "voice" else []

    @model_validator(mode="after")
    def _is_whole(self) -> "ChannelConfig":
        if not self.url.get_secret_value() and self.url_file is None:
            raise ValueError("needs url or url_file (it may hold a token: then a file is better)")
        signed = self.kind != "apprise" or self.replies
        if signed and not self.secret.get_secret_value() and self.secret_file is None:
            raise ValueError("needs secret or secret_file: the receiver must tell our calls from others'")
        return self


def _secret(given: SecretStr, file: Path | None, unset: str = "") -> str:
    """What is given (so the environment wins), else what the file says."""
    if file is not None and given.get_secret_value() == unset:
        return file.read_text().strip()
    return given.get_secret_value()


class Config(BaseSettings):
    """All of it. Environment variables override: SHOUWANG_DATABASE__DSN, SHOUWANG_API__PORT ..."""

    model_config = SettingsConfigDict(
        env_prefix="SHOUWANG_", env_nested_delimiter="__", extra="forbid", frozen=True
    )

    site: Annotated[str, AfterValidator(_site)] = "home-1"
    timezone: Annotated[str, AfterValidator(_zone)] = "Asia/Shanghai"
    data: Path = Path("shouwang-data")
    rules: Path | None = None
    ladders: Path | None = None
    duty: Path | None = None
    registry: list[Path] = []
    journal_keep_hours: float = Field(1.0, ge=0, le=24 * 365)
    broker: BrokerConfig = Field(default_factory=lambda: BrokerConfig.model_validate({}))
    database: DatabaseConfig = DatabaseConfig()
    api: ApiConfig = Field(default_factory=lambda: ApiConfig.model_validate({}))
    alerts: AlertsConfig = AlertsConfig()
    synthetic: SyntheticConfig = SyntheticConfig()
    alerts_over_mqtt: bool = True
    webhook: list[WebhookConfig] = []
    channel: list[ChannelConfig] = []

    @classmethod
    def settings_customise_sources(  # the signature is the library's
        cls,
        settings_cls: type[BaseSettings],  # noqa: ARG003
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """The environment over the file; nothing else."""
        return env_settings, init_settings

    @model_validator(mode="after")
    def _names_differ(self) -> "Config":
        names = [*(one.name for one in self.webhook), *(one.name for one in self.channel)]
        if len(set(names)) < len(names) or "mqtt" in names:
            raise ValueError("names of webhooks and channels must differ from each other and from mqtt")
        return self


def load(path: Path) -> Config | list[Problem]:
    """The configuration in a file, paths in it taken from the file's own folder; or all that is wrong."""
    name = str(path)
    try:
        text = path.read_text("utf-8-sig")
    except OSError as error:
        return [Problem(name, 0, f"cannot be read: {error.strerror}")]
    except UnicodeDecodeError:
        return [Problem(name, 0, "is not UTF-8 text: save it as UTF-8 请另存为 UTF-8")]
    try:
        document = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        line = re.search(r"at line (\d+)", str(error))
        return [Problem(name, int(line[1]) if line else 0, f"is no TOML: {error}")]
    try:
        config = Config(**document)
    except SettingsError as error:  # an environment variable that is no JSON where a list or table belongs
        return [Problem(name, 0, f"environment: {error}")]
    except ValidationError as error:
        found = lines(text)
        return [Problem(name, line_of(found, e["loc"]), _said(e["loc"], e["msg"])) for e in error.errors()]
    return _resolved(config, path.parent)


def _said(where: tuple[int | str, ...], message: str) -> str:
    what = (
        "unknown key"
        if message == "Extra inputs are not permitted"
        else message.removeprefix("Value error, ")
    )
    words = ".".join(str(part) for part in where)
    return f"{words}: {what}" if words else what


def _resolved(config: Config, folder: Path) -> Config:
    """The same with relative paths taken from `folder`."""

    def at(path: Path | None) -> Path | None:
        return None if path is None else folder / path

    broker = config.broker.model_copy(
        update={
            key: at(getattr(config.broker, key))
            for key in ("password_file", "ca_file", "cert_file", "key_file")
        }
    )
    return config.model_copy(
        update={
            "data": folder / config.data,
            "rules": at(config.rules),
            "ladders": at(config.ladders),
            "duty": at(config.duty),
            "registry": [folder / path for path in config.registry],
            "broker": broker,
            "database": config.database.model_copy(update={"dsn_file": at(config.database.dsn_file)}),
            "api": config.api.model_copy(update={"token_file": at(config.api.token_file)}),
            "webhook": [
                hook.model_copy(update={"secret_file": at(hook.secret_file)}) for hook in config.webhook
            ],
            "channel": [
                one.model_copy(update={"url_file": at(one.url_file), "secret_file": at(one.secret_file)})
                for one in config.channel
            ],
        }
    )
