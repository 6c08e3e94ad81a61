"""A plan's numbers as sentences that a person understands, in English and Polish.

Which sentence is told follows from the numbers alone: a comparison is told only where it holds, so a reason that a
single pair of prices cannot give falls back to one that claims less.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from zoneinfo import ZoneInfo

from hems.decision.sentence_words import PLANNED, SENTENCES
from hems.decision.wording import Language, Wording
from hems.domain.command import Mode
from hems.domain.plan import Choice, InputNote, Reasoning

__all__ = ["Language", "details_of", "sentence_of"]

FLOWING_W = 50.0
"""Less than this out of or into the battery is rest."""

NEAR_RESERVE_PCT = 1.0
"""Inverters tell the SoC in whole percents: within one of the reserve the battery is at it."""

SAME_PRICE = 0.002
"""Prices [currency/kWh] nearer to each other than this are told as equal."""

LEAST_MONEY = 0.01
"""Less is told as less than this."""


def sentence_of(
    reasoning: Reasoning,
    chosen: Choice,
    *,
    zone: ZoneInfo,
    now: datetime,
    language: Language = Language.ENGLISH,
    is_ahead: bool = False,
) -> str:
    """Return why ``chosen`` is done now; times are local, money per kWh.

    ``now``: the moment of the decision; a time of another day than its own is told with its day. ``is_ahead``: it is
    planned for a later quarter, not done now.
    """
    told = PLANNED if is_ahead else SENTENCES
    words = Wording(language, zone, now)
    name, prices, span = _reason(reasoning, chosen.mode)
    if name == "self_use.sun_paid" and chosen.export_limit_w is not None:
        name, prices = "self_use.sun_plain", {}  # what feeding in would cost is told with the limit
    shown = {key: words.price(value) for key, value in prices.items()}
    if len(prices) == 2:
        shown = dict(zip(prices, words.apart(*prices.values()), strict=True))
    fields = {
        **shown,
        "unit": _unit(words, reasoning),
        "until": words.until(reasoning.until),
        "power": "" if chosen.power_w is None else words.power(chosen.power_w),
        "soc": words.percent(reasoning.soc_pct),
        "reserve": words.percent(reasoning.reserve_pct),
        "span": "" if span is None else words.span(*span),
    }
    return told[language][name].format(**fields) + _export(reasoning, chosen, words, told[language])


def details_of(
    reasoning: Reasoning, chosen: Choice, *, zone: ZoneInfo, now: datetime, language: Language = Language.ENGLISH
) -> list[str]:
    """Return what else is known of a decision made at ``now``, a line each: worth, break-even, next best, inputs."""
    words = Wording(language, zone, now)
    told = SENTENCES[language]
    unit, currency = _unit(words, reasoning), words.currency(reasoning.currency)
    use = reasoning.use
    worth = told["detail.worth"].format(worth=words.number(reasoning.stored_value_per_kwh), currency=currency)
    if use is None:
        worth += told["detail.unused"]
    else:
        worth += told["detail.sold" if use.is_sold else "detail.used"].format(
            span=words.span(use.start, use.end), later=words.number(use.price_per_kwh), unit=unit
        )
    lines = [
        worth,
        told["detail.prices"].format(
            buy=words.number(reasoning.import_per_kwh), sell=words.number(reasoning.export_per_kwh), unit=unit
        ),
        told["detail.break_even"].format(
            worth=words.number(reasoning.charge_below_per_kwh),
            keep=words.number(reasoning.sell_above_per_kwh),
            unit=unit,
        ),
    ]
    if reasoning.cost_per_stored_kwh is not None:
        cost = words.number(reasoning.cost_per_stored_kwh)
        lines.append(told["detail.charged"].format(buy=cost, currency=currency))
    lines += _others(reasoning, chosen, words)
    share = words.percent(100.0 * reasoning.agreement)
    lines.append(_costed("detail.sure", True, reasoning.regret, reasoning, words).format(share=share))
    return lines + [_input(note, now, words) for note in reasoning.inputs]


def _reason(reasoning: Reasoning, mode: Mode) -> tuple[str, dict[str, float], tuple[datetime, datetime] | None]:
    """Return the name of the sentence whose claim holds, the prices it compares, and the time it speaks of."""
    found = {
        Mode.CHARGE: _charge,
        Mode.DISCHARGE: _discharge,
        Mode.HOLD: _hold,
        Mode.NO_CHARGE: _no_charge,
        Mode.SELF_USE: _self_use,
    }.get(mode)
    reason = None if found is None else found(reasoning)
    if reason is None:
        return f"{mode.value}.plain", {}, None
    name, prices = reason
    use = reasoning.use
    return name, prices, None if use is None else (use.start, use.end)


_Found = tuple[str, dict[str, float]] | None


def _charge(why: Reasoning) -> _Found:
    buy, use = why.import_per_kwh, why.use
    if why.soc_pct < why.reserve_pct - NEAR_RESERVE_PCT:
        return "charge.reserve", {}
    if why.grid_w <= FLOWING_W and why.battery_w <= -FLOWING_W:
        return "charge.sun", {}
    if buy < 0.0:
        return "charge.paid", {"buy": -buy}
    if use is not None and use.worth_charged_per_kwh > buy:
        return "charge.use", {"buy": buy, "worth": use.worth_charged_per_kwh}
    if why.charge_below_per_kwh > buy:
        return "charge.pays", {"buy": buy, "worth": why.charge_below_per_kwh}
    return None


def _discharge(why: Reasoning) -> _Found:
    if why.grid_w >= -FLOWING_W:
        return ("discharge.house", {"buy": why.import_per_kwh}) if why.battery_w >= FLOWING_W else None
    above = why.export_per_kwh - why.sell_above_per_kwh
    if above > SAME_PRICE:
        return "discharge.sell", {"sell": why.export_per_kwh, "keep": why.sell_above_per_kwh}
    if above >= -SAME_PRICE:  # this very sale sets what a stored kWh is worth
        return "discharge.even", {"sell": why.export_per_kwh}
    return None


def _hold(why: Reasoning) -> _Found:
    buy, use = why.import_per_kwh, why.use
    if why.soc_pct <= why.reserve_pct + NEAR_RESERVE_PCT:
        return "hold.reserve", {}
    if use is not None and use.price_per_kwh > buy:
        return "hold.sale" if use.is_sold else "hold.use", {"buy": buy, "later": use.price_per_kwh}
    if why.sell_above_per_kwh > buy:
        return "hold.keep", {"buy": buy, "keep": why.sell_above_per_kwh}
    return None


def _no_charge(why: Reasoning) -> _Found:
    if why.export_per_kwh > why.charge_below_per_kwh and why.grid_w <= -FLOWING_W:
        return "no_charge.sell", {"sell": why.export_per_kwh, "keep": why.charge_below_per_kwh}
    return None


def _self_use(why: Reasoning) -> _Found:
    sell, use = why.export_per_kwh, why.use
    if why.battery_w <= -FLOWING_W:
        if sell < 0.0:
            return "self_use.sun_paid", {"sell": -sell}
        if why.charge_below_per_kwh > sell:
            # What one kWh more is worth, not the price of its main use: the sun may fill the battery for that anyway.
            name = "self_use.sun_later" if use is None else "self_use.sun"
            return name, {"sell": sell, "worth": why.charge_below_per_kwh}
        return "self_use.sun_plain", {}
    if why.battery_w >= FLOWING_W:
        if why.import_per_kwh > why.sell_above_per_kwh:
            return "self_use.house", {"buy": why.import_per_kwh, "keep": why.sell_above_per_kwh}
        return "self_use.house_plain", {}
    if why.soc_pct <= why.reserve_pct + NEAR_RESERVE_PCT:
        return "self_use.reserve", {}
    return None


def _export(reasoning: Reasoning, chosen: Choice, words: Wording, told: Mapping[str, str]) -> str:
    """Return what is said of a limit on what is fed in; nothing where there is none."""
    limit_w, sell = chosen.export_limit_w, reasoning.export_per_kwh
    if limit_w is None:
        return ""
    if limit_w == 0.0 and sell < 0.0:
        return told["export.stopped"].format(sell=words.price(-sell), unit=_unit(words, reasoning))
    return told["export.limited"].format(power=words.power(limit_w))


def _others(reasoning: Reasoning, chosen: Choice, words: Wording) -> list[str]:
    """Return what the best other mode and plain self-use would have cost."""
    lines, other = [], reasoning.alternative
    if other is not None:
        line = _costed("detail.alternative", reasoning.alternative_is_money, other.costs_more, reasoning, words)
        lines.append(line.format(mode=words.mode(other.mode, other.power_w)))
    if chosen.mode is not Mode.SELF_USE and (other is None or other.mode is not Mode.SELF_USE):
        more = reasoning.self_use_costs_more
        lines.append(_costed("detail.self_use", reasoning.self_use_is_money, more, reasoning, words))
    return lines


def _costed(name: str, is_money: bool, more: float, reasoning: Reasoning, words: Wording) -> str:
    """Return the sentence for an amount: one that is next to nothing, or no money, is told as that."""
    told = SENTENCES[words.language]
    if not is_money:
        return told[f"{name}_limit"]
    if more < LEAST_MONEY / 100.0:
        return told[f"{name}_same"]
    currency = words.currency(reasoning.currency)
    amount = f"{words.number(max(more, LEAST_MONEY))} {currency}"
    if more < LEAST_MONEY:
        amount = told["money.little"].format(more=amount)
    return told[name].replace("{more}", amount)


def _input(note: InputNote, now: datetime, words: Wording) -> str:
    told = SENTENCES[words.language]
    name = told.get(f"input.{note.name}", note.name)
    source = told.get(f"source.{note.source}", note.source.replace("_", " "))
    line = told["detail.input"].format(name=name, source=source)
    if note.known_at is not None:
        line += told["detail.read"].format(age=words.age(now - note.known_at))
    if note.until is not None:
        line += told["detail.until"].format(until=words.until(note.until))
    elif note.name == "prices":
        line += told["detail.nothing"]
    return f"{line} ({note.detail})" if note.detail else line


def _unit(words: Wording, reasoning: Reasoning) -> str:
    return f"{words.currency(reasoning.currency)}/kWh"
