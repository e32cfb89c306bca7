"""The kinds of rule, one small file each. Rule: a kind is in this table or it does not exist."""

from typing import Any

from rules.kind import Kind
from rules.kinds import environment, fall, missed_check, news2, sos, unprotected, vitals

KINDS: dict[str, Kind[Any, Any]] = {
    module.KIND.name: module.KIND
    for module in (sos, fall, environment, missed_check, unprotected, vitals, news2)
}
