"""Where each family keeps its export limit, register by register, and what is never widened."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from hems.adapters.inverters.goodwe.control_export import (
    SwitchAndShare,
    SwitchAndWatts,
    WattsBehindSwitch,
    export_target,
    is_ours,
)
from hems.adapters.inverters.goodwe.fields import Field, Image
from hems.adapters.inverters.goodwe.registers import words
from hems.adapters.inverters.goodwe.targets import CannotControlError, Situation
from hems.domain.command import Command, Mode

AT = datetime(2026, 5, 1, 10, 0, tzinfo=UTC)
ET = SwitchAndWatts(rated_power_w=10_000)
BIG_ET = SwitchAndWatts(rated_power_w=50_000)
SHARE = SwitchAndShare(rated_power_w=6000)


def situation(image: Image, owner: Image | None = None) -> Situation:
    return Situation(image=image, owner=owner or {}, rated_power_w=10_000, now=AT)


def asked(limit_w: float | None) -> Command:
    return Command(mode=Mode.SELF_USE, expires_at=AT + timedelta(minutes=15), export_limit_w=limit_w)


def both(*values: int) -> Image:
    return {Field.EXPORT_LIMIT: words(*values)}


def apart(switch: int, value: int) -> Image:
    return {Field.EXPORT_SWITCH: words(switch), Field.EXPORT_VALUE: words(value)}


@pytest.mark.parametrize(
    ("control", "image", "limit_w"),
    [
        (ET, both(0, 5000), None),
        (ET, both(1, 5000), 5000.0),
        (ET, both(1, 0), 0.0),
        (ET, both(1, 0xFF38), -200.0),  # so much has to be imported
        (BIG_ET, both(1, 40_000), 40_000.0),
        (ET, both(1, 0xFFFF), None),
        (ET, both(0xFFFF, 100), None),
        (ET, {}, None),
        (ET, both(1, 0, 3000), 3000.0),  # one-phase DT: two registers of watts
        (ET, both(1, 1, 0), 65_536.0),
        (ET, both(1, 0xFFFF, 0xFFFF), None),
        (WattsBehindSwitch(), apart(1, 3000), 3000.0),
        (WattsBehindSwitch(), apart(0, 3000), None),
        (WattsBehindSwitch(), apart(1, 0xFFFF), None),
        (WattsBehindSwitch(), {}, None),
        (SHARE, apart(1, 50), 3000.0),
        (SHARE, apart(0, 50), None),
        (SwitchAndShare(rated_power_w=0), apart(1, 50), None),
        (SwitchAndShare(rated_power_w=0), apart(1, 0), 0.0),
    ],
)
def test_what_the_registers_say(control: SwitchAndWatts, image: Image, limit_w: float | None) -> None:
    assert control.limit_w(image) == limit_w


@pytest.mark.parametrize(
    ("control", "image", "asked_w", "expected"),
    [
        (ET, both(0, 5000), 0.0, both(1, 0)),
        (ET, both(0, 5000), 999.9, both(1, 999)),  # rounded down, never up
        (ET, both(0, 0), 90_000.0, both(1, 10_000)),
        (SwitchAndWatts(rated_power_w=0), both(0, 0), 90_000.0, both(1, 32_767)),
        (ET, both(0, 0, 0), 3000.0, both(1, 0, 3000)),
        (WattsBehindSwitch(), apart(1, 5000), 0.0, {Field.EXPORT_VALUE: words(0)}),
        (SHARE, apart(0, 100), 3059.0, apart(1, 50)),
        (SHARE, apart(0, 100), 59.0, apart(1, 0)),
        (SHARE, apart(0, 100), 90_000.0, apart(1, 100)),
        (SwitchAndShare(rated_power_w=0), apart(0, 100), 0.0, apart(1, 0)),
        # The owner's own is as tight: it stands.
        (ET, both(1, 0), 0.0, {}),
        (ET, both(1, 500), 500.0, {}),
        (ET, both(1, 0xFF38), 0.0, {}),
        (SHARE, apart(1, 10), 600.0, {}),
        (WattsBehindSwitch(), apart(1, 200), 300.0, {}),
        (ET, both(0, 0), None, {}),
    ],
)
def test_what_is_to_be_written(control: SwitchAndWatts, image: Image, asked_w: float | None, expected: Image) -> None:
    assert export_target(asked(asked_w), situation(image), control) == expected


def test_the_owners_limit_counts_not_the_one_of_a_lease() -> None:
    """A lease at 0 W is in force: one at 700 W follows, the owner's is at 500 W."""
    now = situation(both(1, 0), both(1, 500))
    assert is_ours(now, ET)
    assert export_target(asked(700.0), now, ET) == {}, "undisturbed puts the owner's 500 W back"
    assert export_target(asked(300.0), now, ET) == both(1, 300)
    assert not is_ours(situation(both(1, 500), both(1, 500)), ET)
    assert not is_ours(situation(both(1, 0)), ET), "untouched, so it is the owner's"


@pytest.mark.parametrize(
    ("control", "image", "asked_w", "words_in_it"),
    [
        (None, {}, 0.0, "cannot be limited"),
        (ET, {}, 0.0, "no export limit"),
        (SHARE, {Field.EXPORT_VALUE: words(100)}, 0.0, "no export limit"),
        (SwitchAndShare(rated_power_w=0), apart(0, 100), 500.0, "rated power"),
        (WattsBehindSwitch(), apart(0, 5000), 0.0, "vendor's app"),
        (ET, both(0, 0), float("nan"), "0 W or more"),
        (ET, both(0, 0), -5.0, "0 W or more"),
    ],
)
def test_what_cannot_be_done_says_why(
    control: SwitchAndWatts | None, image: Image, asked_w: float, words_in_it: str
) -> None:
    with pytest.raises(CannotControlError, match=words_in_it):
        export_target(asked(asked_w), situation(image), control)
