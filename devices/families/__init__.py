"""One small file per family of devices: it knows the family's envelope and words, nothing else.

Rule: a family module offers FAMILY (its name), TOPICS (the MQTT filters that fetch its messages; empty when
its topics are anybody's), `claims(topic)`, `decode(message, known)`, and, where its payloads are told from
all others, `recognises(payload)`. All are total: any bytes, any text. A family whose calls for help are not
told by the words of `devices.urgency` offers CALLS: lower-case bytes, one of which is in the topic or payload
of each of them (an empty one is in all).

A module without FAMILY is a part that families share:
- what is carried, whoever carries it: `lorawan` and `lorawan_frames` (codecs, frames without one), `ble` with
  `bthome`, `mibeacon`, `ruuvi` (advertisements), `medical` and `ble_gateway` (health devices and the gateways
  that hear them), `thing_model` with `thing_names` (China's clouds), `tasmota_bridges`;
- what people named and announced: `names`, `discovery` with `entities` and `templates`, `announced`;
- what every family may have to say: `online`, `places`, `unreadable` (a call that cannot be read);
- how it is written: `wire` (Protocol Buffers), `chirpstack4_protobuf`, `sparkplug_payload`, `facts` (lists).

Facts (`devices.reading.Learned`) that families teach themselves, by field:
`model` (about a device), `family` and `entity` (about a topic: who announced it and as what), `metrics`
(about a Sparkplug node or device: its birth certificate), `description` (about a Homie property: its unit
and name; about a TuyaLink device: its scales), `children` (about a Sparkplug node: those that are offline
when it is, a JSON list; `ingest.interpret` says so), `tree` (about a Homie device: those lost with it).
"""

from collections.abc import Callable
from dataclasses import dataclass
from types import ModuleType

from devices.envelope import Json
from devices.families import (
    aliyun,
    ath,
    ava4,
    carelink,
    chirpstack4,
    das_aiot,
    drug_box_scu,
    esphome,
    espresense,
    healthdata2mqtt,
    homeassistant,
    homie5,
    huawei_iotda,
    jetlinks,
    native,
    netlia,
    openmqttgateway,
    owntracks,
    qube_vital,
    radar_misc,
    rtl433,
    ruuvi_gateway,
    sensor_logger,
    shelly_gen1,
    shelly_gen2,
    sleepace,
    sparkplug_b,
    tasmota,
    tencent_iotexplorer,
    theengs,
    thingsboard,
    tts3,
    tuyalink,
    vayyar,
    watch_askme,
    watch_g616,
    watch_kati,
    xiaomi_gateway3,
    zigbee2mqtt,
    zwavejs2mqtt,
)
from devices.message import Message
from devices.reading import Decoded, Known, Rejected


def _recognises_nothing(payload: Json) -> bool:  # noqa: ARG001  (the signature of those that do)
    return False


@dataclass(frozen=True, slots=True, eq=False)  # looked up for every message: told apart by identity
class Family:
    """One family as its module offers it.

    `cuts`: it can tell whose an oversized message is. `calls`: what is in each of its calls for help.
    """

    name: str
    topics: tuple[str, ...]
    claims: Callable[[str], bool]
    decode: Callable[[Message, Known], Decoded | Rejected]
    recognises: Callable[[Json], bool] = _recognises_nothing
    calls: tuple[bytes, ...] = ()
    cuts: bool = False


def _family(module: ModuleType) -> Family:
    return Family(
        module.FAMILY,
        module.TOPICS,
        module.claims,
        module.decode,
        getattr(module, "recognises", _recognises_nothing),
        getattr(module, "CALLS", ()),
        cuts=module is native,
    )


SPECIFIC: tuple[Family, ...] = tuple(
    _family(module)
    for module in (  # the most specific topics first
        native,
        chirpstack4,
        tts3,
        zigbee2mqtt,
        zwavejs2mqtt,
        xiaomi_gateway3,
        ava4,
        qube_vital,
        vayyar,
        sleepace,
        watch_g616,
        watch_kati,
        drug_box_scu,
        netlia,
        owntracks,
        sparkplug_b,
        thingsboard,
        homie5,
        theengs,
        openmqttgateway,
        rtl433,
        ruuvi_gateway,
        espresense,
        sensor_logger,
        shelly_gen2,  # before gen1, whose base topic its owner may choose
        shelly_gen1,
        homeassistant,
        huawei_iotda,
        tencent_iotexplorer,
        tuyalink,
        das_aiot,
        aliyun,
        jetlinks,
        tasmota,
    )
)
"""Families whose topics are nobody else's, in the order in which they are asked."""

_GENERIC_MODULES: tuple[ModuleType, ...] = (
    ath,
    healthdata2mqtt,
    watch_askme,
    carelink,
    radar_misc,  # any topic that speaks of a radar
    esphome,  # `<anything>/status` too: after all others
)
GENERIC: tuple[Family, ...] = tuple(_family(module) for module in _GENERIC_MODULES)
"""Families whose topics look like anybody's, asked when nobody announced the topic."""

FAMILIES: dict[str, Family] = {family.name: family for family in (*SPECIFIC, *GENERIC)}
"""All families by name."""

ALIASES = {"moko-lw004": "chirpstack4", "sagoo-iot": "aliyun"}
"""Names under which people know a device or a platform that speaks as a family does."""
