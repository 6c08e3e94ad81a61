"""Why each planned quarter does what it does, in the sentences that also tell of the present one."""

from __future__ import annotations

from zoneinfo import ZoneInfo

from hems.decision.sentences import Language, sentence_of
from hems.domain.outlook import HomeModel
from hems.domain.plan import Choice, Plan
from hems.planning.reasoning import reasoning_ahead


def planned_reasons(plan: Plan, home: HomeModel, *, zone: ZoneInfo, language: Language) -> tuple[str, ...]:
    """Return one sentence for each slot of ``plan``; times are local, money per kWh."""
    first = sentence_of(plan.reasoning, plan.chosen, zone=zone, now=plan.at, language=language)
    return (first, *(_reason(plan, index, home, zone, language) for index in range(1, len(plan.slots))))


def _reason(plan: Plan, index: int, home: HomeModel, zone: ZoneInfo, language: Language) -> str:
    slot = plan.slots[index]
    chosen = Choice(mode=slot.mode, power_w=slot.power_w, export_limit_w=slot.export_limit_w, costs_more=0.0)
    why = reasoning_ahead(plan, index, home)
    return sentence_of(why, chosen, zone=zone, now=slot.start, language=language, is_ahead=True)
