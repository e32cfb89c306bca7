"""What may be shown in clear of a message that nobody understood: its shape, without what is about a person.

Rule: rather too little than too much. Secrets and personal identifiers (FAMILIES rule 9, PIPL Art. 28) are
replaced; what is binary is not shown at all. The result is for people's eyes, never decoded again.
"""

import re

from devices.envelope import Json, json_value

MOST_SHOWN = 4000
"""Longest result, in characters."""

HIDDEN = "***"

_SECRETS = re.compile(
    # in a field's name, spelled in any way: pass, mqtt_pass, wifiSSID, PIN_code, citizen-id, phoneNumber ...
    r"pass(?!ed|ive|ive_|age)|pwd|secret|token|api_?key|app_?key|(?:^|_)keys?$|private|credential|auth|cookie"
    r"|ssid|(?:^|_)pin(?:_|$|code)|(?:^|_)ap$|imei|imsi|iccid|msisdn|sim_?(?:no|num|card)|phone|mobile|(?:^|_)tel(?:_|$)|contact_?no"
    r"|e_?mail|citizen|id_?card|id_?no|id_?num|passport|national|ssn|hn$|patient|person|resident|wearer|owner"
    r"|elder(?!care)|guardian|care_?giver|doctor|relative|next_?of_?kin|emergency_?contact|psk(?:_|$)|(?:^|_)otp|meid|coord"
    r"|(?:^|_)(?:name|names|first_name|last_name|full_name|nick_?name|user_?name|real_?name|fname|lname|surname)(?:_|$)"
    r"|birth|brith|dob|address(?!ed)|street|(?:^|_)user(?:_id)?$|lat(?:itude)?$|lng$|lon(?:gitude)?$|(?:^|_)location$|(?:^|_)gps"
    r"|姓名|身份证|电话|手机|住址|地址|密码|出生|生日|定位|经度|纬度|老人|家属|监护|联系人"
)
_NOT_OF_A_PERSON = re.compile(
    r"friendly_name|device_?name|model_?name|product_?name|event_?name|(?:^|_)mac_?address|ble_addr"
)
_NAMES = re.compile(r'"([^"]{1,60})"\s*:')
_CAMEL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")
_PERSONAL = re.compile(
    r"[\w.+-]{1,64}@[\w-]{1,63}\.[\w.-]{1,190}"  # an e-mail address
    r"|[a-z0-9.]{1,64}_at_[a-z0-9]{1,63}_(?:com|net|org|cn|[a-z]{2,3})\b"  # one as topics write it
    r"|://[^/\s@]{1,200}@"  # an account in an address
    r"|\beyJ[\w-]{5,}\.[\w-]+\.[\w-]*"  # a signed token
    r"|(?<!\d)-?\d{1,3}\.\d{4,},\s*-?\d{1,3}\.\d{4,}"  # where somebody is: degrees
    r"|(?<!\d)\d{4,5}\.\d+,[NS],\d{4,5}\.\d+,[EW]"  # and as GPS receivers write it
    r"|(?<![0-9A-Za-z])[1-9]\d{5}(?:19|20)\d{9}[\dXx](?![0-9A-Za-z])"  # a Chinese citizen's number
    r"|(?<![0-9A-Za-z])89\d{16,18}(?![0-9A-Za-z])"  # a SIM card's
    r"|(?<![0-9A-Fa-f])(?:\+?86[ -]?)?1[3-9]\d[ -]?\d{4}[ -]?\d{4}(?![0-9A-Fa-f])"  # a Chinese mobile number
    r"|(?<![0-9A-Za-z])\d{15}(?![0-9A-Za-z])"  # IMEI, IMSI
    r"|(?<![0-9A-Za-z.])(?!1[6-9]\d{11}(?![0-9]))\d{13}(?![0-9A-Za-z])"  # a Thai citizen's, but no time in ms
    r"|(?i:\bpin\b\W{0,3}(?:is\W{0,3})?\d+)"
    r"|(?i:\b(?:pass(?:word)?|pwd?|token|secret|ssid)\b\s*[:=]\s*\S+)"
)


def shown(payload: bytes) -> str:
    """A payload as it may stand in a list, a log or a ticket."""
    try:
        text = payload.decode()
    except UnicodeDecodeError:
        return f"({len(payload)} bytes that are no text)"
    value = json_value(payload)
    if isinstance(value, (dict, list)):
        return _printable(_written(value))
    if "{" in text or "[" in text:  # broken: what belongs to which field can no longer be told
        names = ", ".join(dict.fromkeys(masked(name) for name in _NAMES.findall(text[:MOST_SHOWN])))
        fields = f"; fields: {names}" if names else ""
        return _printable(f"({len(payload)} bytes of broken JSON{fields})")
    return _printable(masked(text[:MOST_SHOWN]))


def masked(text: str) -> str:
    """A text without what looks like a number or an address of a person, whatever it is called."""
    return _PERSONAL.sub(HIDDEN, text)


def personal(name: str) -> bool:
    """Whether a field of this name holds a secret or says who or where somebody is."""
    spelled = _CAMEL.sub("_", name[:80]).lower().replace("-", "_").replace(" ", "_")
    if _NOT_OF_A_PERSON.search(spelled) is not None:
        return False
    return _SECRETS.search(spelled) is not None or _SECRETS.search(spelled.replace("_", "")) is not None


def _written(value: Json) -> str:
    """JSON again, without what a field's name or its look gives away."""
    pieces: list[str] = []
    _write(value, pieces, [MOST_SHOWN], hidden=False)
    return "".join(pieces)


def _write(value: Json, pieces: list[str], room: list[int], *, hidden: bool) -> None:
    """Depth is bounded by the envelope, what is written by `room`."""
    if isinstance(value, dict):
        for number, (key, held) in enumerate(value.items()):
            if room[0] < 0:
                break
            _piece(f'{"," if number else "{"}"{masked(key[:MOST_SHOWN])}":', pieces, room)
            _write(held, pieces, room, hidden=hidden or personal(key))
        _piece("}" if value else "{}", pieces, room)
    elif isinstance(value, list):
        for number, held in enumerate(value):
            if room[0] < 0:
                break
            _piece("," if number else "[", pieces, room)
            _write(held, pieces, room, hidden=hidden)
        _piece("]" if value else "[]", pieces, room)
    elif value is None or isinstance(value, bool):
        _piece({None: "null", True: "true", False: "false"}[value], pieces, room)
    elif hidden:
        _piece(f'"{HIDDEN}"', pieces, room)
    elif isinstance(value, str):
        _piece(f'"{masked(value[:MOST_SHOWN])}"', pieces, room)
    else:
        _piece(masked(str(value)) if -1e300 < value < 1e300 else HIDDEN, pieces, room)


def _piece(text: str, pieces: list[str], room: list[int]) -> None:
    pieces.append(text)
    room[0] -= len(text)


def _printable(text: str) -> str:
    cut = text if len(text) <= MOST_SHOWN else text[:MOST_SHOWN] + " ..."
    return "".join(c if c.isprintable() else " " for c in cut)
