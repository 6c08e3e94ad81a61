"""F2 and F3 day by day give what the whole period gives, and read each past day once."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import pytest

from hems.analysis.metrics import uptime
from hems.composition.figures import ShareOfTime

START = datetime(2026, 1, 10, 20, 0, tzinfo=UTC)


class Samples:
    """Answers for a store: a sample every minute but for one outage."""

    def __init__(self, outage: tuple[datetime, datetime]) -> None:
        self.outage = outage
        self.asked: list[tuple[datetime, datetime]] = []

    def sample_times(self, start: datetime, end: datetime, *, complete_only: bool) -> Sequence[datetime]:
        assert not complete_only
        self.asked.append((start, end))
        minutes = int((end - start) / timedelta(minutes=1))
        times = [start + timedelta(minutes=n) for n in range(minutes)]
        return [at for at in times if not self.outage[0] <= at < self.outage[1]]


def test_days_add_up_to_the_period() -> None:
    samples = Samples((START + timedelta(hours=30), START + timedelta(hours=33)))
    share = ShareOfTime(uptime, 60.0, complete_only=False)
    end = START + timedelta(days=3)
    figure = share.between(samples, START, end)  # type: ignore[arg-type]
    whole = uptime(Samples(samples.outage).sample_times(START, end, complete_only=False), START, end, 60.0)
    assert figure.value == pytest.approx(whole.value, abs=0.05)
    assert figure.value == pytest.approx(100.0 * 69 / 72, abs=0.1)


def test_a_past_day_is_read_once() -> None:
    samples = Samples((START, START))
    share = ShareOfTime(uptime, 60.0, complete_only=False)
    end = START + timedelta(days=3)
    share.between(samples, START, end)  # type: ignore[arg-type]
    samples.asked.clear()
    share.between(samples, START, end + timedelta(minutes=15))  # type: ignore[arg-type]
    assert [asked[1] - asked[0] for asked in samples.asked] == [timedelta(hours=20, minutes=15)]


def test_less_than_an_hour_is_no_figure() -> None:
    share = ShareOfTime(uptime, 60.0, complete_only=False)
    figure = share.between(Samples((START, START)), START, START + timedelta(minutes=59))  # type: ignore[arg-type]
    assert figure.value is None
    assert figure.reason
