"""Where the loss against perfect foresight comes from: what was reached, and each cause in money and points."""

from __future__ import annotations

from dataclasses import dataclass

from hems.backtest.outcome import StudyResult
from hems.backtest.report.markup import Markup, flat, table, tag
from hems.backtest.report.svg import WIDE_PX, Frame, Scale, both, picture, round_range
from hems.backtest.report.teller import Teller

REST_POINTS = 0.05
"""A difference between the causes' sum and the whole loss is shown as a cause of its own from here on: what one decimal
of a point can tell."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Shortfall:
    """What `optimal` reached of what was possible [money], and what cost the rest."""

    possible: float
    reached: float
    causes: tuple[tuple[str, float], ...]

    def points(self, amount: float) -> float | None:
        """Return money in percentage points of what was possible; None where nothing was."""
        return 100.0 * amount / self.possible if self.possible > 0.0 else None


def shortfall(result: StudyResult) -> Shortfall | None:
    """Return what was lost and why; None where that was not asked for."""
    optimal, possible = result.outcome("optimal"), result.possible_saving
    if optimal is None or not result.losses:
        return None
    whole = possible - optimal.figures.saving_pln
    causes = [(loss.cause, loss.amount) for loss in result.losses]
    rest = whole - sum(amount for _, amount in causes)
    if abs(rest) > REST_POINTS / 100.0 * abs(possible):
        causes.append(("rest", rest))
    return Shortfall(possible=possible, reached=optimal.figures.saving_pln, causes=tuple(causes))


def losses_section(lost: Shortfall, tell: Teller) -> Markup:
    """Return the sentence, the bars and the table of losses."""
    whole = lost.possible - lost.reached
    sentence = tell.text(
        "losses.sentence",
        possible=tell.money(lost.possible),
        reached=tell.money(lost.reached),
        lost=tell.money(whole),
        points=tell.number(lost.points(whole), 1),
    )
    rows = [
        (_cause(name, tell), tell.number(amount, 2), tell.number(lost.points(amount), 1))
        for name, amount in lost.causes
    ]
    head = (tell.text("losses.cause"), tell.text("losses.money"), tell.text("losses.points"))
    foot = (tell.text("losses.all"), tell.number(whole, 2), tell.number(lost.points(whole), 1))
    chart = both(lambda width: _picture(lost, tell, width))
    listing = table(tell.text("losses.title"), head, rows, foot=foot)
    return Markup(tag("p", sentence) + tag("figure", chart) + listing)


def _cause(name: str, tell: Teller) -> Markup:
    meaning = tell.text(f"cause.{name}.about") if name in _EXPLAINED else ""
    return Markup(flat(tell.name("cause", name)) + (tag("small", meaning) if meaning else ""))


_EXPLAINED = frozenset({"load_forecast", "pv_forecast", "price_horizon", "mode_limits", "together", "rest"})


def _picture(lost: Shortfall, tell: Teller, width: float) -> Markup:
    is_narrow = width < WIDE_PX
    row = 46.0 if is_narrow else 34.0
    left, right = (8.0, 76.0) if is_narrow else (190.0, 110.0)
    frame = Frame(width=width, height=row * len(lost.causes) + 12, left=left, right=right, top=6, bottom=6)
    amounts = [0.0, *(amount for _, amount in lost.causes)]
    low, high = round_range(min(amounts), max(amounts))
    x = Scale(low=low, high=high, from_px=frame.x0, to_px=frame.x1)
    parts = []
    for at, (cause, amount) in enumerate(lost.causes):
        top = frame.y0 + row * at
        bar_top = top + (18 if is_narrow else 6)
        from_px, to_px = sorted((x(0.0), x(amount)))
        kind = "lost" if amount >= 0 else "won"
        label_x = 8.0 if is_narrow else frame.x0 - 12
        label_y = top + (13 if is_narrow else row / 2 + 4)
        parts += [
            tag("text", tell.name("cause", cause), x=label_x, y=label_y, class_="" if is_narrow else "end"),
            tag("rect", x=from_px, y=bar_top, width=max(to_px - from_px, 0.5), height=22, class_=f"bar {kind}"),
            tag("text", tell.money(amount), x=max(to_px, x(0.0)) + 8, y=bar_top + 15, class_="value"),
        ]
        # below its label on a phone, one line from cause to cause on a desk
        line_top, line_bottom = (bar_top - 2, bar_top + 24) if is_narrow else (top, top + row)
        parts.append(tag("line", x1=x(0.0), x2=x(0.0), y1=line_top, y2=line_bottom, class_="zero"))
    return picture(frame, "losses", tell.text("losses.title"), tell.text("losses.about"), parts)
