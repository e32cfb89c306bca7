"""Huawei Cloud IoTDA: `$oc/devices/<device id>/sys/...`, JSON of services with their properties or events.

Its elder sister ROMA, and ThingLinks after her, say the same on `/v1/devices/<gateway>/datas` in camel case.
Rule: a property means something only together with its service; a gateway's message is its devices'.
Sources: support.huaweicloud.com/api-iothub, "MQTT(S) device interfaces".
"""

import re

from devices.envelope import Json, json_object, json_value, object_of, text_of
from devices.families.thing_model import CALLS, Report
from devices.message import Message
from devices.reading import Decoded, Known, Reason, Rejected, TimeSource

FAMILY = "huawei-iotda"
TOPICS = ("$oc/devices/#", "/v1/devices/#", "/huawei/v1/devices/#")
DIALECT = "thing_model"

__all__ = ["CALLS", "DIALECT", "FAMILY", "TOPICS", "claims", "decode"]

_TOPIC = re.compile(r"/?\$oc/devices/([^/]+)/(sys|user)/(.+)")
_ELDER = re.compile(r"(?:/huawei)?/v1/devices/([^/]+)/(.+)")
_ELDER_VALUES, _ELDER_STATES = frozenset(("datas", "data/json")), "topo/update"
_PLAIN = (None, 0, "0")  # cipherFlag; a tuple, since a device may write anything there
_MEMBERS = "gateway/sub_devices/properties/report"
_VALUES = ("properties/report", "properties/get/response")
_OWN_EVENTS = frozenset(("add_sub_device_request", "delete_sub_device_request", "sub_device_sync_request"))


def claims(topic: str) -> bool:
    """Whether the topic is one of a device on IoTDA."""
    return topic.startswith(("$oc/devices/", "/$oc/devices/", "/v1/devices/", "/huawei/v1/devices/"))


def decode(message: Message, known: Known) -> Decoded | Rejected:
    """One message: properties, events, a gateway's batch, or a message of the device's own format."""
    topic = _TOPIC.fullmatch(message.topic)
    if topic is None and (elder := _ELDER.fullmatch(message.topic)):
        return _elder(message, known, *elder.groups())
    if topic is None:
        return Rejected(Reason.UNKNOWN_TOPIC, "expected $oc/devices/<device id>/sys/...")
    device, kind, what = topic.groups()
    own = kind == "user" or what == "messages/up"
    if not (own or what in {"events/up", _MEMBERS} or what.startswith(_VALUES)):
        return Decoded(FAMILY)
    payload = json_object(message.payload, device)
    if isinstance(payload, Rejected):
        return payload
    report = Report(DIALECT, message, known)
    if what == _MEMBERS:
        _members(report, payload.get("devices"))
    else:
        member = text_of(payload.get("object_device_id"))
        device = member or device
        if own:
            return _own(report, device, what if kind == "user" else text_of(payload.get("name")), payload)
        services = payload.get("services")
        if not isinstance(services, list):
            return Rejected(Reason.WRONG_SHAPE, "no services", device)
        clock = TimeSource.GATEWAY if member else TimeSource.DEVICE
        (_events if what == "events/up" else _services)(report, device, services, clock)
    return report.decoded(FAMILY)


def _elder(message: Message, known: Known, gateway: str, what: str) -> Decoded | Rejected:
    """What a gateway on ROMA or ThingLinks says of its devices: their values, or who is online."""
    if what not in _ELDER_VALUES and what != _ELDER_STATES:
        return Decoded(FAMILY)
    payload = json_value(message.payload, gateway)
    if isinstance(payload, Rejected):
        return payload
    payload = _unsealed(payload, gateway)
    if isinstance(payload, Rejected):
        return payload
    report = Report(DIALECT, message, known)
    if what == _ELDER_STATES:
        for one in report.each(object_of(payload).get("deviceStatuses")):
            state = object_of(one)
            _status(report, {"device_id": state.get("deviceId"), "status": state.get("status")}, None)
        return report.decoded(FAMILY)
    for one in report.each(object_of(payload).get("devices")):
        member = object_of(one)
        services = member.get("services", member.get("serviceData"))
        name = text_of(member.get("deviceId"))
        if name and isinstance(services, list):
            clock = TimeSource.DEVICE if name == gateway else TimeSource.GATEWAY
            thing = report.thing(name, clock=clock)
            for held in report.each(services):
                service = object_of(held)
                values = service.get("data", service.get("serviceData"))
                thing.properties(values, service.get("eventTime"), text_of(service.get("serviceId")))
        else:
            report.said.rejected.append(Rejected(Reason.WRONG_SHAPE, "no deviceId or no services", name))
    return report.decoded(FAMILY)


def _unsealed(payload: Json, gateway: str) -> Json | Rejected:
    """What is in ThingLinks' envelope `{head, dataBody, dataSign}`, which may be encrypted."""
    if not isinstance(payload, dict) or "dataBody" not in payload:
        return payload
    body = payload["dataBody"]
    if object_of(payload.get("head")).get("cipherFlag") not in _PLAIN:
        return Rejected(Reason.UNDECODED, "encrypted", gateway)
    return json_value(body.encode("utf-8", "replace"), gateway) if isinstance(body, str) else body


def _members(report: Report, devices: Json) -> None:
    for one in report.each(devices):
        member = object_of(one)
        name, services = text_of(member.get("device_id")), member.get("services")
        if name and isinstance(services, list):
            _services(report, name, services, TimeSource.GATEWAY)
        else:
            report.said.rejected.append(Rejected(Reason.WRONG_SHAPE, "no device_id or no services", name))


def _services(report: Report, device: str, services: list[Json], clock: TimeSource) -> None:
    thing = report.thing(device, clock=clock)
    for one in report.each(services):
        service = object_of(one)
        thing.properties(
            service.get("properties"), service.get("event_time"), text_of(service.get("service_id"))
        )


def _events(report: Report, device: str, services: list[Json], clock: TimeSource) -> None:
    """Events of the platform's own services begin with `$`: only who is online says anything of a device."""
    for one in report.each(services):
        service = object_of(one)
        name, kind = text_of(service.get("service_id")), text_of(service.get("event_type"))
        at, paras = service.get("event_time"), object_of(service.get("paras"))
        if kind == "sub_device_update_status":
            for status in report.each(paras.get("device_statuses")):
                _status(report, object_of(status), at)
        elif not name.startswith("$") and kind not in _OWN_EVENTS:
            report.thing(device, clock=clock).event(kind or name, paras, at)


def _status(report: Report, status: dict[str, Json], at: Json) -> None:
    member, online = text_of(status.get("device_id")), text_of(status.get("status")).upper()
    if member and online in {"ONLINE", "OFFLINE"}:
        report.thing(member, clock=TimeSource.GATEWAY).state("online", online == "ONLINE", at)


def _own(report: Report, device: str, name: str, payload: dict[str, Json]) -> Decoded | Rejected:
    """A message that the platform only passes on: `{name, id, content}`, or whatever the maker likes.

    Where it holds no value that is understood, its name or that of its topic may be an event's.
    """
    content = payload.get("content", payload)
    if isinstance(content, str):
        inner = json_value(content.encode("utf-8", "replace"))
        content = inner if isinstance(inner, dict) else None
    if isinstance(content, dict):
        services = content.get("services")
        if isinstance(services, list):
            _services(report, device, services, TimeSource.DEVICE)
        else:
            thing = report.thing(device)
            thing.properties(content)
            if name and not report.said.readings:
                thing.event(name.rpartition("/")[2], content)
    if not report.said.readings:
        return Rejected(Reason.UNDECODED, "a message in the maker's own format", device)
    return report.decoded(FAMILY)
