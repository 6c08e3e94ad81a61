"""What a price is made of, as columns and lines a person can lay beside a bill."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol

from hems.domain.prices import PricePart
from hems.domain.units import per_kwh_from_per_mwh

SAME = 5e-7
"""Two amounts per kWh that differ by less are the same on any bill."""


VAT = "VAT"


class Priced(Protocol):
    """A quarter with its prices and their parts."""

    @property
    def market_per_mwh(self) -> float:
        """The market price."""
        ...

    @property
    def export_per_kwh(self) -> float:
        """What is paid for a sold kWh."""
        ...

    @property
    def import_parts(self) -> tuple[PricePart, ...]:
        """What a bought kWh is made of."""
        ...

    @property
    def export_parts(self) -> tuple[PricePart, ...]:
        """What a sold kWh is made of."""
        ...


@dataclass(frozen=True, slots=True)
class Column:
    """One part of the price over all quarters; ``remarks`` such as the zone stand beside the amounts."""

    title: str
    amounts: tuple[float | None, ...]
    remarks: tuple[str, ...]

    @property
    def is_constant(self) -> bool:
        """Whether every quarter has the same amount."""
        first = self.amounts[0]
        return first is not None and all(one is not None and abs(one - first) < SAME for one in self.amounts)

    def cell(self, number: int) -> str:
        """Return the amount of one quarter."""
        amount = self.amounts[number]
        return "" if amount is None else f"{amount:.4f}"

    @property
    def legend(self) -> str:
        """Return which amount has which remark; empty where there is no remark."""
        named = {remark: amount for remark, amount in zip(self.remarks, self.amounts, strict=True) if remark}
        return ", ".join(f"{remark} {amount:.4f}" for remark, amount in named.items())


@dataclass(frozen=True, slots=True, kw_only=True)
class PartsView:
    """The parts that change in the course of the day; lines on the zones' prices and on what never changes."""

    columns: tuple[Column, ...] = ()
    lines: tuple[str, ...] = field(default=())


def parts_view(rows: Sequence[Priced], currency: str) -> PartsView:
    """Return how to show the parts of ``rows``. What another column of the table says already is left out."""
    if not rows:
        return PartsView()
    buying = _columns([row.import_parts for row in rows])
    selling = _columns([row.export_parts for row in rows])
    market = [per_kwh_from_per_mwh(row.market_per_mwh) for row in rows]
    paid = [row.export_per_kwh for row in rows]
    shown = [column for column in buying if not column.is_constant and not _says(column, market)]
    shown += [column for column in selling if not column.is_constant and not _says(column, paid)]
    lines = [
        f"{what}, the same in every quarter [{currency}/kWh]: "
        + ", ".join(f"{one.title} {one.legend or one.cell(0)}" for one in same)
        for what, same in (
            ("Of what you pay", [column for column in buying if column.is_constant]),
            ("Of what you get", [column for column in selling if column.is_constant]),
        )
        if same
    ]
    legends = [f"{column.title} [{currency}/kWh]: {column.legend}" for column in shown if column.legend]
    return PartsView(columns=tuple(shown), lines=(*legends, *lines))


def _columns(parts_of_rows: Sequence[Sequence[PricePart]]) -> list[Column]:
    titles = list(dict.fromkeys(_split(part.name)[0] for parts in parts_of_rows for part in parts))
    titles.sort(key=lambda title: title == VAT)  # on top of all others, so it stands last
    columns: list[Column] = []
    for title in titles:
        amounts: list[float | None] = []
        remarks: list[str] = []
        for parts in parts_of_rows:
            mine = [part for part in parts if _split(part.name)[0] == title]
            amounts.append(sum(part.per_kwh for part in mine) if mine else None)
            remarks.append(_split(mine[0].name)[1] if mine else "")
        columns.append(Column(title, tuple(amounts), tuple(remarks)))
    return columns


def _split(name: str) -> tuple[str, str]:
    """Return title and remark: ``network (night)`` is the column network with the remark night; all VAT is one."""
    if name.startswith("VAT "):
        return VAT, ""
    title, _, remark = name.partition(" (")
    return title, remark.removesuffix(")")


def _says(column: Column, known: Sequence[float]) -> bool:
    return all(one is not None and abs(one - told) < SAME for one, told in zip(column.amounts, known, strict=True))
