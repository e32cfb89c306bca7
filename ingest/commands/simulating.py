"""`shouwang simulate`: the simulators' own command. Rule: the service and the simulators meet only here."""

from simulators.__main__ import simulate as run

__all__ = ["run"]
