"""Every way to tell people, made of the configuration. Rule: each has its breaker and its own connections."""

import contextlib
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from alerts.breaker import Circuit
from ingest.channels import Channel
from ingest.channels.guarded import GuardedChannel
from ingest.channels.mqtt import MqttChannel
from ingest.channels.voice import VoiceChannel
from ingest.channels.webhook import Webhook
from ingest.clock import Clock
from ingest.config import ChannelConfig, Config
from ingest.mqtt_link import MqttLink


@dataclass(frozen=True, slots=True)
class Replying:
    """A channel by which people write back: its secret, and the kinds of address by which they are known."""

    secret: bytes
    kinds: Sequence[str]


@dataclass(frozen=True, slots=True)
class Channels:
    """`everyone` are told of everything: webhooks, and displays. `addressed` are for ladders."""

    everyone: Sequence[GuardedChannel]
    addressed: Sequence[GuardedChannel]

    def find(self, name: str) -> GuardedChannel | None:
        """The channel of this name."""
        return next((one for one in (*self.everyone, *self.addressed) if one.name == name), None)


async def make(
    stack: contextlib.AsyncExitStack,
    config: Config,
    displays: MqttLink | None,
    clock: Clock,
    told: Callable[[str, Circuit], None],
) -> Channels:
    """All channels of a configuration, closed with the stack. `displays` listen there, if they do."""

    def guarded(channel: Channel) -> GuardedChannel:
        return GuardedChannel(channel, ticks=_ticks, now=clock.now, told=told)

    hooks: list[Channel] = [
        await stack.enter_async_context(
            Webhook(one.name, one.url, one.key().encode(), timeout_s=one.timeout_s)
        )
        for one in config.webhook
    ]
    everyone = [*hooks, *([MqttChannel(displays)] if displays else [])]
    addressed = [await _addressed(stack, one) for one in config.channel]
    return Channels([guarded(one) for one in everyone], [guarded(one) for one in addressed])


async def _addressed(stack: contextlib.AsyncExitStack, one: ChannelConfig) -> Channel:
    if one.kind == "apprise":
        # It takes as long to load as all the rest: where somebody uses it.
        from ingest.channels.apprise_channel import AppriseChannel

        channel = AppriseChannel(
            one.name, one.where(), private=one.private, language=one.language, timeout_s=one.timeout_s
        )
        stack.callback(channel.close)
        return channel
    hook = Webhook(one.name, one.where(), one.key().encode(), timeout_s=one.timeout_s)
    await stack.enter_async_context(hook)
    if one.kind == "voice":
        return VoiceChannel(hook, address=one.address, private=one.private, language=one.language)
    return hook


def secrets(config: Config) -> dict[str, bytes]:
    """Of the channels whose receivers may say later what became of a message."""
    return {one.name: one.key().encode() for one in config.channel if one.kind != "apprise"}


def outside(config: Config) -> frozenset[str]:
    """The channels that lead out of the house."""
    hooks = frozenset(one.name for one in config.webhook if one.outside)
    return hooks | frozenset(one.name for one in config.channel if one.outside)


def replying(config: Config) -> dict[str, Replying]:
    """The channels by which people write back."""
    found = {}
    for one in config.channel:
        if one.replies:
            found[one.name] = Replying(one.key().encode(), one.asks() or [one.address])
    return found


def _ticks() -> int:
    return time.monotonic_ns() // 1_000_000
