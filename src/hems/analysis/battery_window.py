"""From what the owner configured and what the inverter reports to the one window the battery is operated in."""

from __future__ import annotations

from dataclasses import dataclass

from hems.analysis.battery_profiles import (
    AUTO,
    CAREFUL_CHARGE_TEMPERATURE_MIN_C,
    CAREFUL_DISCHARGE_TEMPERATURE_MIN_C,
    CAREFUL_TEMPERATURE_MAX_C,
    CHARGE_TEMPERATURE_KEY,
    CURRENT_KEY,
    CUSTOM,
    DISCHARGE_TEMPERATURE_KEY,
    LOW_VOLTAGE_MAX_V,
    MODULES_KEY,
    PACK_48V,
    PRODUCTS,
    PROFILE_KEY,
    TEMPERATURE_MAX_KEY,
    VOLTAGE_MAX_KEY,
    VOLTAGE_MIN_KEY,
    BatteryEvidence,
    BatteryProduct,
    BatteryWindowMismatch,
    WindowRequest,
    WindowResolution,
    products_that_fit,
)
from hems.domain.site import BatteryWindow, ReportedBatteryLimits


@dataclass(frozen=True, slots=True, kw_only=True)
class _Base:
    """A window before the inverter and the owner narrow it; a current of None is not known."""

    label: str
    low_v: float
    high_v: float
    current_max_a: float | None
    charge_temperature_min_c: float
    discharge_temperature_min_c: float
    temperature_max_c: float


def resolve_battery_window(request: WindowRequest, reported: ReportedBatteryLimits) -> WindowResolution:
    """Return the intersection of the profile, the inverter's limits and the owner's numbers.

    Raises: BatteryWindowMismatch: the window cannot be that of the connected battery, or nothing says what is
        connected; it names the setting to change and the profiles that would fit.
    """
    evidence = BatteryEvidence.of(reported)
    base = _choose_base(request, evidence)
    if not evidence.fits(base.low_v, base.high_v):
        raise BatteryWindowMismatch(
            PROFILE_KEY,
            f"{base.label} works at {base.low_v:.1f}-{base.high_v:.1f} V, but {evidence.describe()}; "
            + _advice(evidence, request.modules),
        )
    low_v = max(base.low_v, evidence.low_v or base.low_v)
    high_v = min(base.high_v, evidence.high_v or base.high_v)
    notes = _keys_without_effect(request, base, evidence)
    low_v, high_v = _narrow_voltage(request, low_v, high_v, evidence)
    if evidence.measured_v is not None and not low_v <= evidence.measured_v <= high_v:
        notes.append(
            f"the battery measures {evidence.measured_v:.1f} V, outside its window of {low_v:.1f}-{high_v:.1f} V: "
            "operation stops until it is back inside"
        )
    window = BatteryWindow(
        voltage_min_v=low_v,
        voltage_max_v=high_v,
        charge_current_max_a=_least_current("charges", base, evidence.charge_a, request),
        discharge_current_max_a=_least_current("discharges", base, evidence.discharge_a, request),
        charge_temperature_min_c=_highest(base.charge_temperature_min_c, request.charge_temperature_min_c),
        discharge_temperature_min_c=_highest(base.discharge_temperature_min_c, request.discharge_temperature_min_c),
        temperature_max_c=_lowest(base.temperature_max_c, request.temperature_max_c),
    )
    return WindowResolution(window=window, label=base.label, notes=tuple(notes))


def _choose_base(request: WindowRequest, evidence: BatteryEvidence) -> _Base:
    if request.profile == CUSTOM:
        return _base_of_numbers(request)
    if request.profile != AUTO:
        product = PRODUCTS[request.profile]
        if not product.stack_sizes(request.modules):
            fewest, most = product.modules_in_series or (1, 1)
            raise BatteryWindowMismatch(
                MODULES_KEY, f"{product.label} is built of {fewest} to {most} modules, not {request.modules}"
            )
        return _base_of_product(product, request.modules, evidence)
    if not evidence.has_voltage:
        if request.is_complete:
            return _base_of_numbers(request)
        raise BatteryWindowMismatch(
            PROFILE_KEY,
            "auto cannot recognise the battery, because the inverter reports neither limits nor a voltage; set the "
            f"profile to one of {', '.join(PRODUCTS)}, or to custom with all charging.safety_* numbers",
        )
    if evidence.highest_v <= LOW_VOLTAGE_MAX_V:
        return _base_of_product(PACK_48V, request.modules, evidence)
    return _recognise_high_voltage(request, evidence)


def _recognise_high_voltage(request: WindowRequest, evidence: BatteryEvidence) -> _Base:
    """Return the reported window, cut to the products that could be connected, with careful temperatures.

    GoodWe inverters carry batteries of other makers too: where no product fits, the window is what was set in the
    inverter for the connected battery.
    """
    fitting = products_that_fit(evidence, request.modules)
    if evidence.low_v is None or evidence.high_v is None:
        if request.is_complete:
            return _base_of_numbers(request)
        raise BatteryWindowMismatch(
            PROFILE_KEY,
            f"auto cannot recognise the battery: {evidence.describe()}; {_advice(evidence, None)}",
        )
    if not fitting:
        return _Base(
            label="battery of another make, as the inverter describes it",
            low_v=evidence.low_v,
            high_v=evidence.high_v,
            current_max_a=None,
            charge_temperature_min_c=CAREFUL_CHARGE_TEMPERATURE_MIN_C,
            discharge_temperature_min_c=CAREFUL_DISCHARGE_TEMPERATURE_MIN_C,
            temperature_max_c=CAREFUL_TEMPERATURE_MAX_C,
        )
    ranges = [product.voltage_range(size) for product, size in fitting]
    products = list({product.key: product for product, _ in fitting}.values())
    currents = [current for product, size in fitting if (current := product.current_max(size)) is not None]
    return _Base(
        label=" or ".join(product.label for product in products),
        low_v=max(evidence.low_v, min(low for low, _ in ranges)),
        high_v=min(evidence.high_v, max(high for _, high in ranges)),
        current_max_a=min(currents, default=None),
        charge_temperature_min_c=max(product.charge_temperature_min_c for product in products),
        discharge_temperature_min_c=max(product.discharge_temperature_min_c for product in products),
        temperature_max_c=min(product.temperature_max_c for product in products),
    )


def _base_of_product(product: BatteryProduct, modules: int | None, evidence: BatteryEvidence) -> _Base:
    if (
        modules is None
        and product.modules_in_series is not None
        and (evidence.low_v is None or evidence.high_v is None)
    ):
        # The product spans a factor of four in voltage: a window that wide would protect nothing.
        raise BatteryWindowMismatch(
            MODULES_KEY,
            f"the voltage of {product.label} depends on its modules, and {evidence.describe()}; "
            "set the number of modules",
        )
    low_v, high_v = product.voltage_range(modules)
    return _Base(
        label=product.label if modules is None else f"{product.label} ({modules} modules)",
        low_v=low_v,
        high_v=high_v,
        current_max_a=product.current_max(modules),
        charge_temperature_min_c=product.charge_temperature_min_c,
        discharge_temperature_min_c=product.discharge_temperature_min_c,
        temperature_max_c=product.temperature_max_c,
    )


def _base_of_numbers(request: WindowRequest) -> _Base:
    missing = [
        key
        for key, value in (
            (VOLTAGE_MIN_KEY, request.voltage_min_v),
            (VOLTAGE_MAX_KEY, request.voltage_max_v),
            (CURRENT_KEY, request.current_max_a),
            (TEMPERATURE_MAX_KEY, request.temperature_max_c),
        )
        if value is None
    ]
    if request.voltage_min_v is None or request.voltage_max_v is None or missing:
        raise BatteryWindowMismatch(missing[0], f"profile custom needs a number for {', '.join(missing)}")
    return _Base(
        label="custom battery",
        low_v=request.voltage_min_v,
        high_v=request.voltage_max_v,
        current_max_a=request.current_max_a,
        charge_temperature_min_c=_first(request.charge_temperature_min_c, CAREFUL_CHARGE_TEMPERATURE_MIN_C),
        discharge_temperature_min_c=_first(request.discharge_temperature_min_c, CAREFUL_DISCHARGE_TEMPERATURE_MIN_C),
        temperature_max_c=_first(request.temperature_max_c, CAREFUL_TEMPERATURE_MAX_C),
    )


def _narrow_voltage(
    request: WindowRequest, low_v: float, high_v: float, evidence: BatteryEvidence
) -> tuple[float, float]:
    """Return the range cut to the owner's numbers.

    Raises: BatteryWindowMismatch: they leave nothing, so they were meant for another battery.
    """
    for key, value, is_outside in (
        (VOLTAGE_MAX_KEY, request.voltage_max_v, request.voltage_max_v is not None and request.voltage_max_v <= low_v),
        (VOLTAGE_MIN_KEY, request.voltage_min_v, request.voltage_min_v is not None and request.voltage_min_v >= high_v),
    ):
        if is_outside:
            raise BatteryWindowMismatch(
                key,
                f"{value:.1f} V cannot be meant for this battery, which works at {low_v:.1f}-{high_v:.1f} V "
                f"({evidence.describe()}); set it to auto, and the profile too or to what fits: "
                f"{_advice(evidence, request.modules).removeprefix('what fits: ')}",
            )
    return _highest(low_v, request.voltage_min_v), _lowest(high_v, request.voltage_max_v)


def _least_current(verb: str, base: _Base, reported_a: float | None, request: WindowRequest) -> float:
    known = [value for value in (base.current_max_a, reported_a, request.current_max_a) if value is not None]
    if not known:
        raise BatteryWindowMismatch(
            CURRENT_KEY,
            f"how fast the battery {verb} is unknown: neither the profile ({base.label}) nor the inverter names a "
            "current; set the number of amperes from the battery's data sheet",
        )
    return min(known)


def _keys_without_effect(request: WindowRequest, base: _Base, evidence: BatteryEvidence) -> list[str]:
    """Return a sentence for each number that is wider than what holds anyway: a number only narrows."""
    low_v = max(base.low_v, evidence.low_v or base.low_v)
    high_v = min(base.high_v, evidence.high_v or base.high_v)
    currents = [value for value in (base.current_max_a, evidence.charge_a) if value is not None]
    rows: tuple[tuple[str, float | None, float | None, bool, str], ...] = (
        (VOLTAGE_MIN_KEY, request.voltage_min_v, low_v, False, "V"),
        (VOLTAGE_MAX_KEY, request.voltage_max_v, high_v, True, "V"),
        (CURRENT_KEY, request.current_max_a, min(currents, default=None), True, "A"),
        (TEMPERATURE_MAX_KEY, request.temperature_max_c, base.temperature_max_c, True, "°C"),
        (CHARGE_TEMPERATURE_KEY, request.charge_temperature_min_c, base.charge_temperature_min_c, False, "°C"),
        (DISCHARGE_TEMPERATURE_KEY, request.discharge_temperature_min_c, base.discharge_temperature_min_c, False, "°C"),
    )
    return [
        f"{key}: {value:.1f} {unit} is wider than {limit:.1f} {unit}, which holds for {base.label} and its inverter; "
        "a number only narrows"
        for key, value, limit, is_upper, unit in rows
        if value is not None and limit is not None and (value > limit if is_upper else value < limit)
    ]


def _advice(evidence: BatteryEvidence, modules: int | None) -> str:
    fitting = products_that_fit(evidence, modules) or products_that_fit(evidence)
    names = [f"{product.key} with {size} modules" if size else product.key for product, size in fitting]
    if not names:
        return "no known product fits: set the profile to custom with all charging.safety_* numbers"
    return f"what fits: {', '.join(names)}, or custom with all charging.safety_* numbers"


def _first(value: float | None, otherwise: float) -> float:
    return otherwise if value is None else value


def _highest(value: float, other: float | None) -> float:
    return value if other is None else max(value, other)


def _lowest(value: float, other: float | None) -> float:
    return value if other is None else min(value, other)
