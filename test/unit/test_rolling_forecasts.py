"""All forecasts of a span at once are those made one by one, know nothing of what came after, and of no other span."""

from __future__ import annotations

import csv
import os
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np
import pytest

from hems.domain.forecast import QUANTILE_LEVELS, SourceForecast
from hems.domain.pv_plant import Place, PvPlane, PvPlant
from hems.domain.time_grid import MTU, local_date, local_day_bounds
from hems.forecasting.history import FloatArray, QuarterHistory
from hems.forecasting.load import LoadForecaster, LoadOptions
from hems.forecasting.pv import PvForecaster, PvOptions
from hems.forecasting.rolling_forecasts import RollingForecasts

WARSAW = ZoneInfo("Europe/Warsaw")
PLACE = Place(latitude_deg=52.23, longitude_deg=21.01)
PLANT = PvPlant(planes=(PvPlane(peak_w=6000.0, tilt_deg=35.0, azimuth_deg=180.0),), inverter_max_w=5000.0)
SPRING, AUTUMN = date(2025, 3, 30), date(2025, 10, 26)
COUNT = 144
LOAD, PV = LoadOptions(is_holiday=lambda day: day.day == 11), PvOptions()
CLOSE_W = 1e-6


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    start: datetime
    load_w: FloatArray
    pv_w: FloatArray
    said_w: FloatArray | None
    zone: ZoneInfo = WARSAW
    load_options: LoadOptions = LOAD
    pv_options: PvOptions = PV

    @property
    def end(self) -> datetime:
        return self.start + len(self.load_w) * MTU

    def rolling(self) -> RollingForecasts:
        load, pv = LoadForecaster(self.load_options), PvForecaster(self.pv_options)
        return RollingForecasts(self.zone, load, pv, self.start, self.load_w, self.pv_w, self.said_w)


def house(start: datetime, days: int, seed: int = 1, *, gaps: float = 0.0, said: bool = True) -> Record:
    """Habits by the clock on the wall, a sun behind clouds of each day's own kind, and a source that is often wrong."""
    chance = np.random.default_rng(seed)
    hours = np.arange(days * 96) / 4.0 + start.hour + start.minute / 60.0
    load_w = (150.0 + 1400.0 * np.exp(-((((hours + 1.0) % 24.0 - 19.0) / 1.5) ** 2))) * chance.lognormal(
        0, 0.4, days * 96
    )
    clear_w = 5000.0 * np.maximum(0.0, np.cos((hours % 24.0 - 11.0) / 24.0 * 2.0 * np.pi)) ** 1.5
    clear_w[clear_w < 30.0] = 0.0
    of_day = np.repeat(chance.uniform(0.1, 1.0, days), 96)
    pv_w = np.round(clear_w * np.clip(of_day + chance.normal(0.0, 0.15, days * 96), 0.0, 1.0))
    said_w = clear_w * np.clip(of_day + np.repeat(chance.normal(0.0, 0.2, days), 96), 0.02, 1.0)
    for values in (load_w, pv_w, said_w):
        values[chance.random(days * 96) < gaps] = np.nan
        if gaps:
            first = int(chance.integers(0, days * 96))
            values[first : first + int(chance.integers(20, 300))] = np.nan
    return Record(start=start, load_w=load_w, pv_w=pv_w, said_w=said_w if said else None)


class OneByOne:
    """The forecasts of a service that lived from the record's first quarter on."""

    def __init__(self, record: Record) -> None:
        self._record = record
        self._load, self._pv = LoadForecaster(record.load_options), PvForecaster(record.pv_options)
        self._heard = record.start

    def _said(self, moment: datetime, count: int) -> SourceForecast | None:
        if self._record.said_w is None:
            return None
        first = (moment - self._record.start) // MTU
        values = tuple(None if np.isnan(v) else float(v) for v in self._record.said_w[first : first + count])
        return SourceForecast(source="given", received_at=moment, start=moment, pv_w=values)

    def at(self, moment: datetime, count: int) -> tuple[FloatArray | None, FloatArray | None]:
        record = self._record
        while self._heard < moment:  # every third hour is as good as every quarter: the source repeats itself
            said = self._said(self._heard, COUNT)
            if said is not None:
                self._pv.remember(said)
            self._heard += timedelta(hours=3)
        earliest = local_day_bounds(local_date(moment, record.zone) - timedelta(days=60), record.zone)[0]
        begin, end = max(0, (earliest - record.start) // MTU), (moment - record.start) // MTU
        history = QuarterHistory(
            start=record.start + begin * MTU,
            load_w=record.load_w[begin:end],
            pv_w=record.pv_w[begin:end],
            pv_curtailed=np.zeros(end - begin, dtype=np.bool_),
        )
        load = self._load.forecast(history, moment, count, record.zone)
        pv = self._pv.forecast(history, moment, count, record.zone, source=self._said(moment, count))
        return tuple(None if each is None else np.array(each.levels_w) for each in (load, pv))  # type: ignore[return-value]


def compare(record: Record, first: datetime, last: datetime, every: int, count: int = COUNT) -> tuple[int, int]:
    """Compare every so manieth moment; return how many load and PV forecasts there were."""
    rolling, one_by_one = record.rolling(), OneByOne(record)
    together = rolling.load_levels(first, last, count), rolling.pv_levels(first, last, count)
    steps = (last - first) // MTU
    assert all(levels.shape == (steps, len(QUANTILE_LEVELS), count) for levels in together)
    made = [0, 0]
    for row in range(0, steps, every):
        for kind, alone in enumerate(one_by_one.at(first + row * MTU, count)):
            found = together[kind][row]
            if alone is None:
                assert np.isnan(found).all(), (kind, row)
            else:
                made[kind] += 1
                np.testing.assert_allclose(found, alone, rtol=0.0, atol=CLOSE_W, err_msg=f"{kind} at {row}")
    return made[0], made[1]


def on_day(record: Record, day: date, every: int, count: int = COUNT) -> tuple[int, int]:
    return compare(record, *local_day_bounds(day, record.zone), every, count)


@pytest.mark.parametrize("day", [SPRING, AUTUMN, SPRING + timedelta(days=1), AUTUMN + timedelta(days=1)])
@pytest.mark.parametrize("said", [True, False], ids=["source", "no source"])
def test_days_of_92_and_100_quarters(day: date, said: bool) -> None:
    start = datetime(day.year, day.month, day.day, 3, 30, tzinfo=UTC) - timedelta(days=30)
    made = on_day(house(start, 34, said=said), day, 7)
    assert min(made) >= 13


def test_sixty_days_are_whole_also_in_the_last_hour_of_an_evening_after_a_change_of_time() -> None:
    record = house(datetime(2025, 9, 1, tzinfo=UTC), 92)
    evening = local_day_bounds(date(2025, 11, 20), WARSAW)[1] - timedelta(hours=2)
    assert compare(record, evening, evening + timedelta(hours=3), 1) == (12, 12)


def test_gaps_everywhere() -> None:
    record = house(datetime(2025, 5, 1, 9, 15, tzinfo=UTC), 40, seed=5, gaps=0.2)
    assert compare(record, record.start + timedelta(days=35), record.start + timedelta(days=38), 11)[0] == 27


def test_a_whole_day_unknown_and_a_habit_never_measured() -> None:
    record = house(datetime(2025, 5, 1, tzinfo=UTC), 20, seed=6)
    record.load_w[12 * 96 : 14 * 96] = np.nan
    record.load_w[np.arange(20 * 96) % 96 < 20] = np.nan
    record.pv_w[15 * 96 :] = np.nan
    assert compare(record, record.start + timedelta(days=13), record.start + timedelta(days=17), 17) == (23, 23)


@pytest.mark.parametrize("said", [True, False], ids=["source", "no source"])
def test_the_first_days(said: bool) -> None:
    record = house(datetime(2025, 6, 10, 7, 45, tzinfo=UTC), 12, said=said)
    loads, suns = compare(record, record.start, record.start + timedelta(days=10), 13)
    assert loads == 74 - 1, "at the very first moment nothing was measured"
    assert suns == (74 if said else 74 - 8), "a source is believed from the first moment on"


def test_nothing_used_and_nothing_given() -> None:
    record = house(datetime(2025, 2, 1, tzinfo=UTC), 25)
    record.load_w[:] = 0.0
    record.pv_w[:] = 0.0
    assert on_day(record, date(2025, 2, 20), 19) == (6, 6)


def test_nothing_measured_is_no_forecast() -> None:
    nothing = np.full(20 * 96, np.nan)
    record = Record(start=datetime(2025, 2, 1, tzinfo=UTC), load_w=nothing, pv_w=nothing, said_w=None)
    assert on_day(record, date(2025, 2, 10), 31) == (0, 0)


def test_a_source_alone_is_a_forecast_of_the_sun() -> None:
    record = house(datetime(2025, 2, 1, tzinfo=UTC), 25)
    record.pv_w[:] = np.nan
    assert on_day(record, date(2025, 2, 20), 9) == (11, 11)


@pytest.mark.parametrize(
    "options",
    [
        PvOptions(place=PLACE, plant=PLANT),
        PvOptions(place=PLACE),
        PvOptions(latitude_deg=52.0, window=timedelta(days=20), refit_every=timedelta(hours=6)),
    ],
    ids=["plant", "place", "latitude"],
)
def test_a_sun_that_is_known(options: PvOptions) -> None:
    record = replace(house(datetime(2025, 4, 1, tzinfo=UTC), 40), pv_options=options)
    assert on_day(record, date(2025, 5, 5), 7)[1] == 14
    assert compare(record, record.start, record.start + timedelta(days=2), 9)[1] >= 20


@pytest.mark.parametrize("count", [1, 20, 24, 25, 300])
def test_short_and_long_horizons(count: int) -> None:
    record = house(datetime(2025, 4, 1, tzinfo=UTC), 30)
    assert on_day(record, date(2025, 4, 25), 15, count) == (7, 7)


@pytest.mark.parametrize("zone", ["America/St_Johns", "Asia/Kathmandu", "Australia/Lord_Howe"])
def test_houses_elsewhere(zone: str) -> None:
    record = replace(house(datetime(2025, 9, 10, 1, 0, tzinfo=UTC), 34), zone=ZoneInfo(zone))
    assert on_day(record, date(2025, 10, 5), 9)[0] >= 10  # Lord Howe moves its clocks by half an hour on this day


def test_a_short_memory() -> None:
    options = LoadOptions(history_days=9, learnt_days=5)
    record = replace(house(datetime(2025, 4, 1, tzinfo=UTC), 20), load_options=options)
    assert on_day(record, date(2025, 4, 17), 11)[0] == 9


def test_what_comes_later_changes_nothing() -> None:
    record = house(datetime(2025, 3, 10, 5, 0, tzinfo=UTC), 24)
    moment = local_day_bounds(SPRING, WARSAW)[0] + timedelta(hours=9)
    now = (moment - record.start) // MTU
    first, last = moment - timedelta(days=1), moment + MTU
    rolling = record.rolling()
    known = [levels(first, last, 48) for levels in (rolling.load_levels, rolling.pv_levels)]
    for value in (0.0, 9e3, np.nan):
        other = replace(record, load_w=record.load_w.copy(), pv_w=record.pv_w.copy(), said_w=record.said_w.copy())
        other.load_w[now:], other.pv_w[now:], other.said_w[now + 48 :] = value, value, value
        perturbed = other.rolling()
        for levels, before in zip((perturbed.load_levels, perturbed.pv_levels), known, strict=True):
            after = levels(first, last + timedelta(hours=1), 48)
            np.testing.assert_allclose(after[: len(before)], before, rtol=0.0, atol=1e-9)
            assert np.isfinite(before).all()
        later = rolling.load_levels(last, last + MTU, 48), perturbed.load_levels(last, last + MTU, 48)
        assert np.abs(later[0] - later[1]).max() > 1.0 or np.isnan(value), "the change must be one that counts"


def test_the_span_asked_for_changes_nothing() -> None:
    record = house(datetime(2025, 3, 1, 5, 0, tzinfo=UTC), 40, gaps=0.03)
    first, last = record.start, record.start + timedelta(days=38)
    whole_load, whole_pv = record.rolling().load_levels(first, last, 40), record.rolling().pv_levels(first, last, 40)
    middle = record.rolling()
    for low, high in ((2901, 3100), (3001, 3002), (700, 780)):  # backwards too, and across midnights
        span = first + low * MTU, first + high * MTU
        np.testing.assert_allclose(middle.load_levels(*span, 40), whole_load[low:high], rtol=0.0, atol=1e-9)
        np.testing.assert_allclose(middle.pv_levels(*span, 40), whole_pv[low:high], rtol=0.0, atol=1e-9)
    assert np.isfinite(whole_load[700:]).all()


def test_past_the_end_of_the_record_nothing_is_known() -> None:
    record = house(datetime(2025, 4, 1, tzinfo=UTC), 20)
    pad = np.full(96, np.nan)
    assert record.said_w is not None
    padded = replace(
        record,
        load_w=np.concatenate([record.load_w, pad]),
        pv_w=np.concatenate([record.pv_w, pad]),
        said_w=np.concatenate([record.said_w, pad]),
    )
    span = record.end - timedelta(hours=2), record.end + timedelta(hours=9)
    np.testing.assert_array_equal(record.rolling().load_levels(*span, 96), padded.rolling().load_levels(*span, 96))
    np.testing.assert_array_equal(record.rolling().pv_levels(*span, 96), padded.rolling().pv_levels(*span, 96))


def test_what_cannot_be_asked_is_refused() -> None:
    record = house(datetime(2025, 4, 1, tzinfo=UTC), 3)
    rolling = record.rolling()
    with pytest.raises(ValueError, match="no quarter of the record"):
        rolling.load_levels(record.start - MTU, record.end, 4)
    with pytest.raises(ValueError, match="no quarter of the record"):
        rolling.pv_levels(record.start + timedelta(minutes=5), record.end, 4)
    with pytest.raises(ValueError, match="grid of quarters"):
        replace(record, start=record.start + timedelta(minutes=5)).rolling()
    with pytest.raises(ValueError, match="same shape"):
        replace(record, pv_w=record.pv_w[:-1]).rolling()
    assert rolling.load_levels(record.end, record.end, 4).shape == (0, len(QUANTILE_LEVELS), 4)


@pytest.mark.data
def test_a_real_house_over_the_night_that_autumn_prolongs() -> None:
    folder = Path(os.environ.get("HEMS_DATA", Path(__file__).resolve().parents[3] / "shared" / "data"))
    file = folder / "home_A_emhass_15min_2024-02-28_2025-02-27.csv"
    if not file.exists():
        pytest.skip(f"no reference data in {folder}")
    with file.open(encoding="utf-8") as lines:
        rows = list(csv.DictReader(lines))
    load_w, pv_w, said_w = (
        np.array([float(row[name] or "nan") for row in rows]) for name in ("load_w", "pv_w", "pv_forecast_w")
    )
    start = datetime.fromisoformat(rows[0]["ts_utc"]).replace(tzinfo=UTC)
    assert datetime.fromisoformat(rows[-1]["ts_utc"]).replace(tzinfo=UTC) == start + (len(rows) - 1) * MTU
    record = Record(start=start, load_w=load_w, pv_w=pv_w, said_w=said_w)
    assert on_day(record, date(2024, 10, 27), 6) == (17, 17)
