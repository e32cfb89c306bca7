"""What people write back to a message: which act they mean, on which alert, and what they are answered.

Rule: only whole words that are known mean anything ("我去不了" is no "我去"), and nobody takes charge of a
call they were not told of: a code is an alert's and its newest call's, a bare "1" means what was sent last.
"""

import re
import unicodedata
from collections.abc import Callable, Iterable, Mapping, Sequence
from enum import StrEnum
from hashlib import blake2b
from typing import NamedTuple

from alerts.acts import Refusal
from alerts.episode import Episode
from alerts.event import Outcome, State
from alerts.notification import standing
from alerts.people import Language, Person
from devices.registry import Registry

_DIGITS, _LETTERS = "23456789", "ABCDEFGHJKMNPQRSTUVWXYZ"  # none that is taken for another
_SHAPE = (_DIGITS, _LETTERS, _LETTERS, _DIGITS, *(_DIGITS + _LETTERS,) * 4)
_CODE = re.compile(f"[{_DIGITS}][{_LETTERS}]{{2}}[{_DIGITS}][{_DIGITS}{_LETTERS}]{{0,4}}")
SHORT, LONG = 4, 6
"""Letters of a code in a message; and where two alerts have the same."""

_LISTED = 5
_MINUTE_MS = 60_000
_PHONE = re.compile(r"[+]?[0-9() .-]{7,24}")
_CHINA, _MOBILE = "86", 13


class Act(StrEnum):
    """What somebody who writes back wants."""

    ACKNOWLEDGE = "acknowledge"
    TAKE_OVER = "take_over"
    ARRIVE = "arrive"
    RESOLVE = "resolve"
    LIST = "list"


class Reply(NamedTuple):
    """What a text means. `outcome` of a resolution, `code` "" where none was given."""

    act: Act
    outcome: str = ""
    code: str = ""


_WORDS: Mapping[str, tuple[Act, str]] = {
    word: (act, outcome)
    for words, act, outcome in (
        ("1 ACK OK YES 收到 接手 我去 我去处理", Act.ACKNOWLEDGE, ""),
        ("2 HERE ARRIVED 到场 已到场 到了", Act.ARRIVE, ""),
        ("3 REAL 真实 真实情况", Act.RESOLVE, Outcome.REAL.value),
        ("4 FALSE 误报", Act.RESOLVE, Outcome.FALSE.value),
        ("5 TEST 测试", Act.RESOLVE, Outcome.TEST.value),
        ("6 NONE 无需处理", Act.RESOLVE, Outcome.NO_ACTION.value),
        ("9 OVER 接替", Act.TAKE_OVER, ""),
        ("? LIST 列表 查询", Act.LIST, ""),
    )
    for word in words.split()
}


def parse(text: str) -> Reply | None:
    """What a text means: a word, a code, or both in any order; None for anything else."""
    plain = unicodedata.normalize("NFKC", text).upper()
    words = [word for word in re.split(r"[\s,.;:!，。；：！、]+", plain) if word]
    if not 1 <= len(words) <= 2:
        return None
    codes = [word for word in words if _CODE.fullmatch(word)]
    rest = [word for word in words if not _CODE.fullmatch(word)]
    if len(codes) > 1 or len(rest) > 1:
        return None
    code = codes[0] if codes else ""
    if not rest:
        return Reply(Act.ACKNOWLEDGE, "", code)
    found = _WORDS.get(rest[0])
    return Reply(*found, code) if found else None


def code(alert: str, called: int) -> str:
    """The whole code of an alert's newest call; its first four letters are what people are told."""
    number = int.from_bytes(blake2b(f"{alert}\0{called}".encode(), digest_size=8).digest(), "big")
    letters = []
    for choice in _SHAPE:
        number, at = divmod(number, len(choice))
        letters.append(choice[at])
    return "".join(letters)


class Meant(NamedTuple):
    """An alert that a reply may mean, and what of it was seen (as in `acts.acknowledge`)."""

    episode: Episode
    seen: int


def meant(reply: Reply, episodes: Sequence[Episode], sent: Callable[[str], int], by: str) -> list[Meant]:
    """The alerts of these, none of them resolved, that a reply of this person may mean: one, if it is clear.

    `sent` says the number of the newest message about an alert that went to the person, 0 for none.
    """
    if reply.code:
        return [Meant(one, one.called) for one in episodes if code(one.id, one.called).startswith(reply.code)]
    held = [Meant(one, one.called) for one in episodes if by in {one.acknowledged_by, one.arrived_by}]
    if reply.act is Act.RESOLVE:
        return held
    told = [Meant(one, number) for one in episodes if (number := sent(one.id))]
    if reply.act is Act.ARRIVE:
        going = [one for one in held if one.episode.state is State.ACKNOWLEDGED]
        return going or [one for one in told if one.episode.state is not State.ON_SITE] or held
    if reply.act is Act.TAKE_OVER:
        return [one for one in told if one.episode.state is State.ACKNOWLEDGED]
    return [one for one in told if one.episode.state is State.OPEN] or held


def sender(people: Iterable[Person], kinds: Sequence[str], address: str) -> Person | None:
    """Whose address it is, of these kinds; None where nobody's, or that of two."""
    given = _address(address)
    found = [
        person
        for person in people
        if given and given in {_address(person.addresses.get(kind, "")) for kind in kinds}
    ]
    return found[0] if len(found) == 1 else None


def _address(text: str) -> str:
    """An address as it is compared: a telephone number of China with or without its country."""
    plain = unicodedata.normalize("NFKC", text).strip()
    if not _PHONE.fullmatch(plain):
        return plain.casefold()
    digits = "".join(letter for letter in plain if letter.isdigit())
    digits = digits.removeprefix("00")
    return digits.removeprefix(_CHINA) if len(digits) == _MOBILE else digits


class Answer(StrEnum):
    """What becomes of a reply, beside the refusals of acts."""

    ACKNOWLEDGED = "acknowledged"
    ARRIVED = "arrived"
    RESOLVED = "resolved"
    TAKEN = "taken"
    LISTED = "listed"
    UNCLEAR = "unclear"
    NOTHING = "nothing"
    UNKNOWN_CODE = "unknown_code"
    NOT_UNDERSTOOD = "not_understood"
    UNKNOWN_SENDER = "unknown_sender"


_SAID: Mapping[Answer | Refusal, tuple[str, str]] = {
    Answer.ACKNOWLEDGED: (
        "{what}\n已由您接手{until}。到场后回 2",
        "{what}\nYou have taken charge{until}. Reply 2 once you are there",
    ),
    Answer.ARRIVED: (
        "{what}\n已记录到场。处理完毕回 3（真实）、4（误报）、5（测试）或 6（无需处理）",
        "{what}\nNoted that you are there. When done reply 3 (real), 4 (false), 5 (test) or 6 (no action)",
    ),
    Answer.RESOLVED: ("{what}\n已记录处理完毕", "{what}\nNoted as resolved"),
    Answer.TAKEN: (
        "{what}\n已由 {who} 接手。仍要接替请回 9 {code}",
        "{what}\n{who} has taken charge. To take over all the same reply 9 {code}",
    ),
    Answer.LISTED: ("未处理完毕的警报：", "Not resolved:"),
    Answer.UNCLEAR: (
        "有多条，请回所指的编号：",
        "There are several: reply with the code of the one you mean:",
    ),
    Answer.NOTHING: (
        "没有等您应答的警报。回 ? 查看全部",
        "Nothing waits for your answer. Reply ? for all there is",
    ),
    Answer.UNKNOWN_CODE: (
        "没有编号为 {code} 的警报。回 ? 查看全部",
        "No alert has the code {code}. Reply ? for all there is",
    ),
    Answer.NOT_UNDERSTOOD: (
        "没看懂。回 1 接手，2 到场，3 真实 4 误报 5 测试 6 无需处理，? 查看；多条时加编号，如 1 7QK2",
        (
            "Not understood. Reply 1 take charge, 2 there, 3 real, 4 false, 5 test, 6 no action, ? list;"
            " with the code where there are several: 1 7QK2"
        ),
    ),
    Answer.UNKNOWN_SENDER: (
        "值班表里没有这个号码，未做任何操作。请联系管理员",
        "This address is not in the duty file, and nothing was done. Tell who keeps it",
    ),
    Refusal.FRESH_EVIDENCE: (
        "此后又有新的呼叫：{what}\n要接手请回 1 {code}",
        "People were called again since: {what}\nTo take charge reply 1 {code}",
    ),
    Refusal.ALREADY_RESOLVED: ("{what}\n已由 {who} 处理完毕", "{what}\nResolved before by {who}"),
    Refusal.NOBODY_THERE: (
        "{what}\n尚无人到场：到场后先回 2 {code}，再处理完毕",
        "{what}\nNobody was there yet: reply 2 {code} once you are, then resolve",
    ),
}


def said(
    what: Answer | Refusal, registry: Registry, episodes: Sequence[Episode] = (), code_given: str = ""
) -> dict[str, str]:
    """What somebody is answered, by language: no name of a resident, no diagnosis (R-111)."""
    first = episodes[0] if len(episodes) == 1 else None
    texts = {}
    for index, language in enumerate(Language):
        words = _SAID.get(what, _SAID[Answer.NOT_UNDERSTOOD])[index]
        texts[language.value] = words.format(
            what=standing(first, registry)[language] if first else "",
            who=(first.resolved_by or first.arrived_by or first.acknowledged_by) if first else "",
            code=code(first.id, first.called)[:SHORT] if first else code_given,
            until=_until(first, language) if first else "",
        )
        if what in {Answer.LISTED, Answer.UNCLEAR}:
            texts[language.value] = "\n".join((texts[language.value], *_lines(episodes, registry, language)))
    return texts


def _until(episode: Episode, language: Language) -> str:
    if not (episode.lease_until and episode.acknowledged_at):
        return ""
    minutes = (episode.lease_until - episode.acknowledged_at) // _MINUTE_MS
    return f"，请在 {minutes} 分钟内到场" if language is Language.ZH else f": be there within {minutes} min"


def _lines(episodes: Sequence[Episode], registry: Registry, language: Language) -> list[str]:
    whole = {one.id: code(one.id, one.called) for one in episodes}
    short = {id_: text[:SHORT] for id_, text in whole.items()}
    taken = list(short.values())
    lines = [
        f"{text if taken.count(text) == 1 else whole[one.id][:LONG]} {standing(one, registry)[language]}"
        for one, text in zip(episodes[:_LISTED], taken, strict=False)
    ]
    more = len(episodes) - _LISTED
    if more > 0:
        lines.append(f"另有 {more} 条" if language is Language.ZH else f"and {more} more")
    return lines
