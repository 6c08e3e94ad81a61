"""Over all commands and all envelopes: the gate never widens, and unknown never forces."""

from __future__ import annotations

import math
from datetime import timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from hems.decision.explanation import command_of
from hems.domain.command import Command, Mode
from hems.domain.decision import Allowed, Narrowed, Refused
from hems.domain.readings import Quality
from hems.domain.safety import Bounds, Cause, SafetyEnvelope, Violation
from hems.safety.envelope import SafetyOptions, SafetySupervisor
from hems.safety.gate import narrow_to_envelope, required_mode, stops_operations
from support.safety_builders import NOON, SPEC, snapshot

MAY_CHARGE = {Mode.SELF_USE, Mode.CHARGE, Mode.HOLD}
MAY_DISCHARGE = {Mode.SELF_USE, Mode.DISCHARGE, Mode.NO_CHARGE}
FORCED_POWER = {Mode.CHARGE, Mode.DISCHARGE}

watts = st.one_of(
    st.just(0.0), st.just(math.inf), st.just(math.nan), st.just(-5.0), st.floats(min_value=0.0, max_value=20_000.0)
)
powers = st.one_of(st.none(), watts)
bounds_of = st.builds(
    Bounds,
    charge_max_w=watts,
    discharge_max_w=watts,
    forced_charge_max_w=watts,
    forced_discharge_max_w=watts,
    export_max_w=watts,
)
violations = st.builds(
    Violation, cause=st.sampled_from(list(Cause)), bounds=bounds_of, detail=st.just("a reading"), latches=st.booleans()
)


@st.composite
def envelopes(draw: st.DrawFn) -> SafetyEnvelope:
    found = tuple(draw(st.lists(violations, max_size=3)))
    bounds = draw(bounds_of)
    for violation in found:
        bounds = bounds.intersect(violation.bounds)
    return SafetyEnvelope(at=NOON, bounds=bounds, violations=found)


commands = st.builds(
    Command,
    mode=st.sampled_from(list(Mode)),
    expires_at=st.integers(min_value=-3600, max_value=3600).map(lambda seconds: NOON + timedelta(seconds=seconds)),
    power_w=powers,
    target_soc_pct=st.one_of(st.none(), st.floats(min_value=0.0, max_value=100.0)),
    export_limit_w=powers,
)


def at_most(power_w: float, bound_w: float) -> bool:
    """Return whether ``power_w`` keeps the bound; a bound that is no number is none at all."""
    return power_w <= bound_w


@settings(max_examples=500)
@given(commands, envelopes())
def test_the_gate_never_exceeds_the_bounds(command: Command, envelope: SafetyEnvelope) -> None:
    result, bounds = command_of(narrow_to_envelope(command, envelope)), envelope.bounds
    if result.mode in MAY_CHARGE:
        assert bounds.charge_max_w > 0
    if result.mode in MAY_DISCHARGE:
        assert bounds.discharge_max_w > 0
    if result.mode is Mode.CHARGE:
        assert result.power_w is not None
        assert at_most(result.power_w, bounds.charge_max_w)
        assert at_most(result.power_w, bounds.forced_charge_max_w)
    if result.mode is Mode.DISCHARGE:
        assert result.power_w is not None
        assert at_most(result.power_w, bounds.discharge_max_w)
        assert at_most(result.power_w, bounds.forced_discharge_max_w)
        assert at_most(result.power_w, bounds.export_max_w)


@settings(max_examples=500)
@given(commands, envelopes())
def test_the_gate_never_exceeds_the_request(command: Command, envelope: SafetyEnvelope) -> None:
    result = command_of(narrow_to_envelope(command, envelope))
    if result.mode in FORCED_POWER:
        assert result.mode is command.mode
        assert command.power_w is not None
        assert result.power_w is not None
        assert result.power_w <= command.power_w
        assert result.target_soc_pct == command.target_soc_pct
        assert result.expires_at == command.expires_at > envelope.at
    elif result.mode is not Mode.SELF_USE and result.mode is not command.mode:
        # A mode nobody asked for is the one the bounds demand, or the request with what the bounds forbid taken away.
        demanded = required_mode(envelope)
        assert result.mode is demanded or (command.mode is not Mode.SELF_USE and result.mode is Mode.STANDBY)


@given(commands, envelopes())
def test_a_verdict_says_what_it_did(command: Command, envelope: SafetyEnvelope) -> None:
    verdict = narrow_to_envelope(command, envelope)
    match verdict:
        case Allowed():
            assert verdict.command is command
        case Narrowed():
            assert not verdict.command.same_request(command)
        case Refused():
            assert verdict.fallback.mode not in FORCED_POWER
            assert verdict.causes


@given(commands, envelopes())
def test_passing_twice_changes_nothing_more(command: Command, envelope: SafetyEnvelope) -> None:
    once = command_of(narrow_to_envelope(command, envelope))
    again = narrow_to_envelope(once, envelope)
    assert command_of(again).same_request(once)


@given(commands, envelopes())
def test_where_operations_are_stopped_nothing_forced_is_left(command: Command, envelope: SafetyEnvelope) -> None:
    if stops_operations(envelope):
        result = command_of(narrow_to_envelope(command, envelope))
        assert result.mode is (required_mode(envelope) or Mode.SELF_USE)
        assert result.export_limit_w is None


@given(commands, envelopes())
def test_a_limit_on_export_is_the_one_asked_for_or_none(command: Command, envelope: SafetyEnvelope) -> None:
    result = command_of(narrow_to_envelope(command, envelope))
    if result.export_limit_w is not None:
        assert result.export_limit_w == command.export_limit_w
        assert 0.0 <= result.export_limit_w < math.inf
        assert result.expires_at > envelope.at
    elif command.export_limit_w is not None and command.export_limit_w == 0.0 and command.expires_at > envelope.at:
        assert stops_operations(envelope) or required_mode(envelope) is not None


@given(bounds_of, bounds_of, commands)
def test_tighter_bounds_never_let_more_power_through(loose: Bounds, other: Bounds, command: Command) -> None:
    tight = loose.intersect(other)
    through = [
        command_of(narrow_to_envelope(command, SafetyEnvelope(at=NOON, bounds=bounds))) for bounds in (loose, tight)
    ]
    if through[1].mode in FORCED_POWER:
        assert through[0].mode is through[1].mode
        assert (through[1].power_w or 0.0) <= (through[0].power_w or 0.0)


UNKNOWABLE = (
    "battery__soc_pct",
    "battery__voltage_v",
    "battery__charge_limit_a",
    "battery__discharge_limit_a",
    "grid__power_w",
    "inverter__state",
)


@given(
    st.sets(st.sampled_from(UNKNOWABLE), min_size=1),
    st.sampled_from(["missing battery", "no phases", "one phase", "no temperature", "nothing"]),
    commands,
)
def test_unknown_never_forces(missing: set[str], more: str, command: Command) -> None:
    changes: dict[str, object] = dict.fromkeys(missing)
    if more == "missing battery":
        changes["battery__quality"] = Quality.MISSING
    elif more == "no phases":
        changes["grid__voltage_v"] = ()
    elif more == "one phase":
        changes["grid__voltage_v"] = (230.0, None, 230.0)
    elif more == "no temperature":
        changes |= {"battery__temperature_c": None, "battery__cell_temperature_max_c": None}
    supervisor = SafetySupervisor(SPEC, SafetyOptions(), saved=None, now=NOON)
    envelope, _ = supervisor.evaluate(snapshot(**changes), NOON, NOON)
    result = command_of(narrow_to_envelope(command, envelope)).mode
    if "grid__power_w" in missing or "battery__discharge_limit_a" in missing:
        assert result is not Mode.DISCHARGE
    if "battery__charge_limit_a" in missing:
        assert result is not Mode.CHARGE
    if missing & {"battery__soc_pct", "battery__voltage_v", "inverter__state"} or more != "nothing":
        assert result is Mode.SELF_USE
