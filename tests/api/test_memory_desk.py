"""The tests' own desk holds to the contract, so what it shows about the API is true of every desk."""

import pytest

from rules.decision import Decision
from tests.api.desk_contract import Decide, DeskContract
from tests.api.memory_desk import MemoryDesk


class TestMemoryDesk(DeskContract):
    """The suite, run over the desk in memory."""

    @pytest.fixture
    def desk(self) -> MemoryDesk:
        return MemoryDesk()

    @pytest.fixture
    def decide(self, desk: MemoryDesk) -> Decide:
        async def decide(seen: Decision, now: int) -> None:
            desk.decide(seen, now)

        return decide
