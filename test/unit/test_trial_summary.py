"""What ``--test --execute`` says in the end, where the inverter had nothing to add and where it had."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

import pytest

from hems.adapters.clock import SystemClock
from hems.composition.household import Household
from hems.composition.trial import _carry_out
from hems.domain.command import Applied, Command, Mode
from hems.domain.decision import Decision
from support.storage_records import T0


class Actions:
    """Carries out whatever is asked, at once."""

    verification = None

    def __init__(self, detail: str) -> None:
        self._detail = detail

    async def reconcile(self, _now: object) -> None:
        """Nothing is out of step."""

    async def execute(self, *_: object) -> Any:
        """Say that it was applied."""
        return SimpleNamespace(result=Applied(writes=1, detail=self._detail))

    async def shut_down(self) -> Applied:
        """Give the inverter back."""
        return Applied(writes=1)


@pytest.mark.parametrize(
    ("detail", "says"), [("", "Applied, measured power"), ("held at 40 %", "Applied, held at 40 %, measured power")]
)
async def test_the_summary_has_no_empty_part(detail: str, says: str) -> None:
    parts = SimpleNamespace(actions=Actions(detail), clock=SystemClock())
    household = cast("Household", SimpleNamespace(coordinator=SimpleNamespace(parts=parts)))
    command = Command(mode=Mode.SELF_USE, expires_at=T0, reason="a test")
    decision = cast("Decision", SimpleNamespace(command=command))
    done, summary = await _carry_out(household, decision, lambda _line: None)
    assert done
    assert says in summary
    assert ", ," not in summary
