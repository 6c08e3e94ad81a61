"""What was saved, from the book's report to the API's model."""

from __future__ import annotations

from hems.analysis.metrics import Figure
from hems.composition.savings import SavingsReport
from hems.composition.savings import SavingsRow as Row
from hems.web.models.savings import FigureView, SavingsFigures, SavingsRow, SavingsView


def savings_view(report: SavingsReport) -> SavingsView:
    """Return the report as the API tells it."""
    whole = report.whole
    return SavingsView(
        start=whole.start,
        end=whole.end,
        currency=report.currency,
        days=[_row(row) for row in report.days],
        months=[_row(row) for row in report.months],
        total=_row(whole),
        figures=SavingsFigures(
            decision_accuracy=_figure(whole.decision_accuracy),
            uptime=_figure(whole.uptime),
            data_collection_rate=_figure(whole.data_collection_rate),
            charging_efficiency=_figure(whole.charging_efficiency),
            savings=_figure(whole.saved),
        ),
    )


def _row(row: Row) -> SavingsRow:
    return SavingsRow(
        start=row.first,
        cost=_money(row.cost),
        self_use_cost=_money(row.baseline_cost),
        saved=_money(row.saved.value),
        score_saved=_money(row.score_saved.value),
        hindsight_saved=_money(row.hindsight.value),
        hindsight_pending=row.hindsight_pending,
        captured_pct=_share(row.captured),
        cycles=None if row.cycles.value is None else round(row.cycles.value, 3),
        decision_accuracy_pct=_share(row.decision_accuracy),
        uptime_pct=_share(row.uptime),
        collection_rate_pct=_share(row.data_collection_rate),
        efficiency_pct=_share(row.charging_efficiency),
        pv_wh=row.pv_wh,
        load_wh=row.load_wh,
        import_wh=row.import_wh,
        export_wh=row.export_wh,
        self_sufficiency_pct=_share(row.self_sufficiency),
    )


def _figure(figure: Figure) -> FigureView:
    value = None if figure.value is None else round(figure.value, 4)
    return FigureView(value=value, unit=figure.unit, basis=figure.basis, reason=figure.reason)


def _money(amount: float | None) -> float | None:
    return None if amount is None else round(amount, 4)


def _share(figure: Figure) -> float | None:
    return None if figure.value is None else round(figure.value, 2)
