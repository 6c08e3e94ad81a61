"""The parts of the report: maps by local time, pictures that any viewer reads, ticks, sums between moments."""

from __future__ import annotations

import base64
import struct
import zlib
from dataclasses import replace
from datetime import UTC, date, datetime
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hems.backtest.lived import MODE_NAMES
from hems.backtest.report.account import (
    cycles_by_month,
    hours_by_mode,
    line_edges_s,
    local_days,
    months,
    savings_until,
    soc_shares_pct,
)
from hems.backtest.report.colours import MODE_COLOURS
from hems.backtest.report.markup import Markup, flat, table, tag
from hems.backtest.report.raster import CLEAR, NOWHERE, grid_of, png_uri, ramp, shades
from hems.backtest.report.svg import decimals_of, line_path, nice_step, round_range, step_path, ticks_between
from support.study_results import WARSAW, made_up_study


def test_spring_leaves_an_hour_empty_and_autumn_shows_the_first_run() -> None:
    spring = made_up_study(date(2024, 3, 30), date(2024, 4, 1))
    grid = grid_of(spring.outcomes[2].lived, local_days(spring), WARSAW)
    assert grid.row.shape == (96, 2)
    assert (grid.row[8:12, 1] == NOWHERE).all()
    assert np.count_nonzero(grid.row == NOWHERE) == 4
    assert np.array_equal(np.sort(grid.row[grid.row != NOWHERE]), np.arange(96 + 92))
    autumn = made_up_study(date(2024, 10, 27), date(2024, 10, 28))
    lived = autumn.outcomes[2].lived
    grid = grid_of(lived, local_days(autumn), WARSAW)
    assert len(lived) == 100
    shown = [datetime.fromtimestamp(int(lived.start_s[row]), UTC).astimezone(WARSAW) for row in grid.row[:, 0]]
    assert [moment.fold for moment in shown] == [0] * 96
    assert [(moment.hour, moment.minute) for moment in shown] == [(at // 4, at % 4 * 15) for at in range(96)]


def test_time_that_was_not_lived_is_empty() -> None:
    result = made_up_study(date(2024, 6, 1), date(2024, 6, 3))
    lived = result.outcomes[2].lived
    kept = lived.rows(np.arange(len(lived)) % 96 != 40)
    grid = grid_of(kept, local_days(result), WARSAW)
    assert (grid.row[40] == NOWHERE).all()
    assert np.count_nonzero(grid.row == NOWHERE) == 2
    assert np.isnan(grid.pick(kept.soc_pct)[40]).all()


def test_rows_shorter_and_longer_than_a_cell_are_sampled_in_its_middle() -> None:
    for step in (5, 30, 60):
        result = made_up_study(date(2024, 6, 1), date(2024, 6, 2), step)
        grid = grid_of(result.outcomes[2].lived, local_days(result), WARSAW)
        assert [int(row) for row in grid.row[:, 0]] == [int((at * 15 + 7.5) // step) for at in range(96)]


def test_a_picture_is_a_png_with_a_clear_index() -> None:
    index = np.array([[0, 1, CLEAR], [2, 0, 1]], dtype=np.uint8)
    data = base64.b64decode(png_uri(index, [(1, 2, 3), (4, 5, 6), (7, 8, 9)]).removeprefix("data:image/png;base64,"))
    assert data.startswith(b"\x89PNG\r\n\x1a\n")
    blocks, at = {}, 8
    while at < len(data):
        (length,) = struct.unpack(">I", data[at : at + 4])
        kind, body = data[at + 4 : at + 8], data[at + 8 : at + 8 + length]
        assert struct.unpack(">I", data[at + 8 + length : at + 12 + length])[0] == zlib.crc32(kind + body)
        blocks[kind] = body
        at += 12 + length
    assert list(blocks) == [b"IHDR", b"PLTE", b"tRNS", b"IDAT", b"IEND"]
    assert struct.unpack(">IIBBBBB", blocks[b"IHDR"]) == (3, 2, 8, 3, 0, 0, 0)
    assert blocks[b"PLTE"][:9] == bytes(range(1, 10))
    assert blocks[b"tRNS"][CLEAR] == 0
    assert set(blocks[b"tRNS"][:CLEAR]) == {255}
    assert zlib.decompress(blocks[b"IDAT"]) == b"\0" + bytes([0, 1, CLEAR]) + b"\0" + bytes([2, 0, 1])


def test_shades_run_from_low_to_high_and_nothing_is_clear() -> None:
    values = np.array([[-1.0, 0.0, 5.0, 10.0, 99.0, np.nan]])
    assert shades(values, 0.0, 10.0, 101).tolist() == [[0, 0, 50, 100, 100, CLEAR]]
    assert shades(values, 3.0, 3.0, 101).tolist() == [[0, 0, 0, 0, 0, CLEAR]]
    colours = ramp(("#000000", "#ffffff", "#ff0000"), 5)
    assert (colours[0], colours[2], colours[4]) == ((0, 0, 0), (255, 255, 255), (255, 0, 0))


def test_every_mode_has_a_colour() -> None:
    assert set(MODE_NAMES) <= set(MODE_COLOURS)


@given(st.floats(-1e6, 1e6), st.floats(1e-3, 1e6), st.integers(2, 8))
def test_a_round_range_contains_its_values_and_ends_at_ticks(low: float, span: float, most: int) -> None:
    bottom, top = round_range(low, low + span, most)
    slack = 1e-6 * max(abs(low), span, 1.0)
    assert bottom <= low + slack
    assert top >= low + span - slack
    assert len(ticks_between(bottom, top, most)) <= 2 * most + 2


def test_a_range_of_no_width_still_has_one() -> None:
    for low, high in ((0.0, 0.0), (5.0, 5.0), (-5.0, -5.0), (float("nan"), 1.0), (0.0, float("inf"))):
        bottom, top = round_range(low, high)
        assert top > bottom


def test_ticks_are_round_and_told_apart() -> None:
    assert ticks_between(0.0, 0.2, 5) == pytest.approx([0.0, 0.05, 0.1, 0.15, 0.2])
    assert decimals_of(ticks_between(0.0, 0.2, 5)) == 2
    assert decimals_of([0.0, 50.0, 100.0]) == 0
    assert nice_step(9.0, 5) == 2.0


def test_paths_break_where_something_is_missing() -> None:
    nothing = float("nan")
    assert line_path([(0, 1), (1, 2), (2, nothing), (3, 4), (4, 5)]) == "M0 1L1 2M3 4L4 5"
    assert step_path([(0, 1, 5), (1, 2, 5), (2, 3, 6), (4, 5, 6), (5, 6, nothing), (6, 7, 1)]) == (
        "M0 5H1H2V6H3M4 6H5M6 1H7"
    )


def test_text_is_escaped_and_markup_is_not() -> None:
    assert tag("p", 'a < b & "c"', tag("b", "d"), title='"><x') == (
        '<p title="&quot;&gt;&lt;x">a &lt; b &amp; &quot;c&quot;<b>d</b></p>'
    )
    assert flat(["<", Markup("<br>")]) == "&lt;<br>"
    assert tag("rect", x=1.0, y=-0.001, data_tip=None, class_="a") == '<rect x="1" y="0" class="a"></rect>'
    assert 'scope="row"' in table("t", ("a", "b"), [("c", "d")])


def test_savings_grow_to_the_figure_whatever_is_stored() -> None:
    result = made_up_study(date(2024, 10, 20), date(2024, 11, 1))
    for outcome in result.outcomes[2:]:
        for edges in (line_edges_s(result), [result.first.timestamp(), result.last.timestamp()]):
            curve = savings_until(result, outcome, edges)
            assert curve[0] == 0.0
            assert curve[-1] == pytest.approx(outcome.figures.saving_pln)
    with pytest.raises(ValueError, match="idle battery"):
        savings_until(replace(result, outcomes=result.outcomes[2:]), result.outcomes[2], [0.0])


def test_a_period_is_cut_at_local_midnights_and_months() -> None:
    result = made_up_study(date(2024, 10, 20), date(2024, 12, 3))
    edges = line_edges_s(result)
    assert len(edges) == len(local_days(result)) + 1
    assert sorted({float(b - a) / 3600 for a, b in pairwise(edges)}) == [24.0, 25.0]
    spans = months(result)
    assert [span.first_day for span in spans] == [date(2024, 10, 20), date(2024, 11, 1), date(2024, 12, 1)]
    assert [a.end_s for a in spans[:-1]] == [b.start_s for b in spans[1:]]
    assert (spans[0].start_s, spans[-1].end_s) == (result.first.timestamp(), result.last.timestamp())
    assert local_days(replace(result, last=result.first)) == []


def test_cycles_modes_and_soc_account_for_all_time() -> None:
    result = made_up_study(date(2024, 10, 20), date(2024, 12, 3))
    optimal = result.outcomes[4]
    assert sum(cycles_by_month(optimal, months(result))) == pytest.approx(optimal.figures.cycles)
    assert cycles_by_month(result.outcomes[1], months(result)) == [0.0] * 3
    found = hours_by_mode(optimal.lived)
    assert sum(hours for _, hours in found) == pytest.approx(float(optimal.lived.hours.sum()))
    assert [hours for _, hours in found] == sorted((hours for _, hours in found), reverse=True)
    shares = soc_shares_pct(optimal.lived)
    assert shares.sum() == pytest.approx(100.0)
    assert shares[0] == shares[1] == 0.0  # the floor is at 10 %
    full = replace(optimal.lived, soc_pct=np.full(len(optimal.lived), 100.0))
    assert soc_shares_pct(full)[-1] == pytest.approx(100.0)
