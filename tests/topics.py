"""MQTT's topic filters, for tests (MQTT 3.1.1, 4.7)."""


def matches(wanted: str, topic: str) -> bool:
    """Whether a filter fetches a topic: `+` is one level, `#` all that follow, and the parent; not `$...`."""
    levels, there = wanted.split("/"), topic.split("/")
    if topic.startswith("$") and levels[0] in {"+", "#"}:  # 4.7.2
        return False
    if levels[-1] == "#":
        levels = levels[:-1]
        there = there[: len(levels)]
    return len(levels) == len(there) and all(a in {"+", b} for a, b in zip(levels, there, strict=True))


def overlap(one: str, other: str) -> bool:
    """Whether there is a topic that both filters fetch."""
    return _overlap(one.split("/"), other.split("/"))


def _overlap(one: list[str], other: list[str]) -> bool:
    if "#" in {*one[:1], *other[:1]}:
        return True
    if not one or not other:
        return one == other
    same = one[0] == other[0] or "+" in {one[0], other[0]}
    return same and _overlap(one[1:], other[1:])
