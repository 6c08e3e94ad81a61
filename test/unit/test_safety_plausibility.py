"""The plausibility filter: glitches are held back, the impossible is unknown, old data are found out."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from hems.domain.readings import Quality, SiteSnapshot
from hems.domain.safety import Cause
from hems.safety.envelope import SafetyOptions, SafetySupervisor
from hems.safety.gate import stops_operations
from hems.safety.plausibility import Filtered, PlausibilityOptions, PlausibilityState, filter_snapshot
from support.safety_builders import NOON, POLL, SPEC, snapshot


def filter_all(snapshots: Iterable[SiteSnapshot]) -> list[Filtered]:
    """Return every poll's result, the state handed on from each to the next."""
    state, results = PlausibilityState(), []
    for taken in snapshots:
        results.append(filter_snapshot(state, taken, PlausibilityOptions()))
        state = results[-1].state
    return results


def socs(values: Iterable[float | None], every: timedelta = POLL) -> list[Filtered]:
    """Return the results of polls ``every`` so often whose SoC takes ``values``."""
    return filter_all(
        snapshot(NOON + index * every, battery__soc_pct=value, grid__frequency_hz=50.0 + 0.01 * (index % 2))
        for index, value in enumerate(values)
    )


def used(results: list[Filtered]) -> list[float | None]:
    return [result.snapshot.battery.soc_pct for result in results]


@pytest.mark.parametrize("glitch", [0.0, 5.0, 180.0, -1.0, math.nan])
def test_a_single_jump_is_held_back_and_marked(glitch: float) -> None:
    results = socs([80.0, glitch, 80.0])
    assert used(results) == [80.0, 80.0, 80.0]
    assert [result.snapshot.battery.quality for result in results] == [Quality.GOOD, Quality.SUSPECT, Quality.GOOD]
    assert "SoC" in " ".join(results[1].snapshot.notes)
    assert results[1].soc_doubt is None


def test_a_jump_is_believed_after_three_samples_and_thirty_seconds() -> None:
    results = socs([80.0] + [60.0] * 8)  # 60 % first seen at +5 s, so 30 s have passed at +35 s
    assert used(results) == [80.0] * 7 + [60.0] * 2


def test_three_samples_are_needed_also_when_polls_are_rare() -> None:
    results = socs([80.0, 20.0, 20.0, 20.0], every=timedelta(minutes=1))
    assert used(results) == [80.0, 80.0, None, 20.0]
    assert [result.soc_doubt is not None for result in results] == [False, False, True, False]


def test_an_soc_that_never_settles_becomes_unknown_and_stops_operations() -> None:
    supervisor = SafetySupervisor(SPEC, SafetyOptions(), saved=None, now=NOON)
    envelopes = []
    for index in range(12):
        at = NOON + index * POLL
        soc = 80.0 if index == 0 else (10.0, 40.0, 95.0)[index % 3]
        envelopes.append(supervisor.evaluate(snapshot(at, battery__soc_pct=soc), at, at)[0])
    assert not any(Cause.SOC_IMPLAUSIBLE in envelope.causes for envelope in envelopes[:8])
    assert Cause.SOC_IMPLAUSIBLE in envelopes[-1].causes
    assert stops_operations(envelopes[-1])


def test_an_ordinary_charge_is_followed_without_doubt() -> None:
    rising = [20.0 + index * 0.07 for index in range(200)]  # 0.5 C at a 5 s poll
    results = socs(rising)
    assert used(results) == rising
    assert all(result.snapshot.battery.quality is Quality.GOOD for result in results)


def test_after_a_long_gap_a_large_change_is_ordinary() -> None:
    assert used(socs([80.0, 40.0], every=timedelta(hours=1))) == [80.0, 40.0]


def test_a_first_sample_of_exactly_zero_waits_for_confirmation() -> None:
    results = socs([0.0] * 8)
    assert used(results) == [None] * 6 + [0.0] * 2
    assert used(socs([1.0])) == [1.0]


def test_a_missing_soc_is_unknown_at_once() -> None:
    assert used(socs([80.0, None, 80.0])) == [80.0, None, 80.0]


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("battery__voltage_v", 0.0),
        ("battery__voltage_v", 6553.5),
        ("battery__temperature_c", 3276.7),
        ("battery__temperature_c", math.nan),
        ("battery__charge_limit_a", -1.0),
        ("battery__power_w", math.inf),
        ("pv__power_w", -1.0),
        ("load__power_w", -1.0),
        ("grid__power_w", 2e9),
    ],
)
def test_an_impossible_value_is_unknown_with_a_note(field: str, value: float) -> None:
    (result,) = filter_all([snapshot(**{field: value})])
    part, _, name = field.partition("__")
    assert getattr(getattr(result.snapshot, part), name) is None
    assert "impossible" in " ".join(result.snapshot.notes)


def test_an_impossible_phase_leaves_the_others() -> None:
    (result,) = filter_all([snapshot(grid__voltage_v=(230.0, 6553.5, 231.0))])
    assert result.snapshot.grid.voltage_v == (230.0, None, 231.0)


@pytest.mark.parametrize(
    ("load_w", "quality"), [(1500.0, Quality.GOOD), (2100.0, Quality.GOOD), (2400.0, Quality.SUSPECT)]
)
def test_powers_that_do_not_add_up_are_doubted(load_w: float, quality: Quality) -> None:
    (result,) = filter_all([snapshot(load__power_w=load_w)])
    assert result.snapshot.load.quality is quality
    assert result.snapshot.grid.quality is quality
    assert result.snapshot.load.power_w == load_w, "a doubt changes no value"


def test_a_sound_snapshot_comes_back_untouched() -> None:
    sound = snapshot()
    assert filter_all([sound])[0].snapshot is sound


def frozen_house(clock_ticks: bool, readings_move: bool, polls: int = 30) -> list[Filtered]:
    def at(index: int) -> SiteSnapshot:
        moment: datetime = NOON + index * POLL
        changes: dict[str, Any] = {"inverter__clock": moment if clock_ticks else NOON}
        if readings_move:
            changes["grid__frequency_hz"] = 50.0 + 0.01 * (index % 2)
        return snapshot(moment, **changes)

    return filter_all(at(index) for index in range(polls))


def test_an_old_block_with_a_standing_clock_is_stale() -> None:
    results = frozen_house(clock_ticks=False, readings_move=False)
    assert results[23].stale is None, "115 s"
    assert results[24].stale is not None, "120 s"


def test_an_old_block_with_a_ticking_clock_is_doubted_only() -> None:
    last = frozen_house(clock_ticks=True, readings_move=False)[-1]
    assert last.stale is None
    assert last.snapshot.battery.quality is Quality.SUSPECT


def test_a_standing_clock_beside_living_readings_is_noted_only() -> None:
    last = frozen_house(clock_ticks=False, readings_move=True)[-1]
    assert last.stale is None
    assert last.snapshot.battery.quality is Quality.GOOD
    assert "clock" in " ".join(last.snapshot.notes)


def test_old_data_count_as_a_lost_inverter() -> None:
    supervisor = SafetySupervisor(SPEC, SafetyOptions(), saved=None, now=NOON)
    for index in range(25):
        at = NOON + index * POLL
        envelope, _ = supervisor.evaluate(snapshot(at, inverter__clock=NOON), at, at)
    assert Cause.COMMUNICATION_LOST in envelope.causes


def test_a_clock_set_back_during_a_doubt_starts_the_wait_again() -> None:
    state = filter_all([snapshot(battery__soc_pct=80.0), snapshot(NOON + POLL, battery__soc_pct=20.0)])[-1].state
    earlier = NOON - timedelta(hours=1)
    result = filter_snapshot(state, snapshot(earlier, battery__soc_pct=10.0), PlausibilityOptions())
    assert result.state.soc.doubt_since == earlier


@pytest.mark.parametrize("change", [{"debounce_samples": 0}, {"debounce_time": timedelta(-1)}, {"soc_rate_c": 0.0}])
def test_settings_without_sense_are_refused(change: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"must be positive|at least one sample"):
        replace(PlausibilityOptions(), **change)
