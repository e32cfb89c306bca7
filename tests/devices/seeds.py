"""Messages as each family's devices send them: `seeds/<family>.jsonl`, one a line.

Rule: typical and complete, so that what is made of them by mutation, by the fuzzer and by the bench is near
to what devices send. Lines are `{"topic", "payload" | "text" | "base64", "model"?}`.
"""

import base64
import json
from pathlib import Path
from typing import Any, NamedTuple

_FOLDER = Path(__file__).parent / "seeds"


class Seed(NamedTuple):
    """One message. `payload` is JSON, or bytes where the family's are none."""

    family: str
    topic: str
    payload: Any
    model: str

    @property
    def raw(self) -> bytes:
        """The payload as sent."""
        return as_bytes(self.payload)


def as_bytes(payload: Any) -> bytes:  # noqa: ANN401  (JSON, or bytes)
    """A payload as sent; JSON values as JSON."""
    if isinstance(payload, bytes):
        return payload
    return json.dumps(payload, ensure_ascii=False).encode("utf-8", "surrogatepass")


def seed_of(family: str, line: str) -> Seed:
    """The seed of a line."""
    one = json.loads(line)
    if "text" in one:
        payload = one["text"].encode()
    else:
        payload = one["payload"] if "payload" in one else base64.b64decode(one["base64"])
    return Seed(family, one["topic"], payload, one.get("model", ""))


def seeds_in(folder: Path) -> tuple[Seed, ...]:
    """Those of all files of a folder."""
    return tuple(
        seed_of(file.stem, line)
        for file in sorted(folder.glob("*.jsonl"))
        for line in file.read_text("utf-8").splitlines()
    )


SEEDS: tuple[Seed, ...] = seeds_in(_FOLDER)
"""All of them. What fuzzing found is in a folder of its own (tests.fuzz)."""
