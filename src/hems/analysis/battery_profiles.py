"""Which voltages, currents and temperatures a battery product may be operated at.

A profile is the product's own window; the limits the inverter reports and the owner's keys may only narrow it. Where
nothing says what is connected, nothing is assumed: the battery is refused with a sentence, never guessed.

Voltages [V] are of the whole pack, currents [A] are magnitudes, temperatures [°C] are of the cells.
Source: the manufacturer's data sheets of each product. Stacks of modules in series are given by their cells, and the
cell window is that of the classic 48 V settings (45-58 V on 16 cells); figures from elsewhere say so beside themselves.
"""

from __future__ import annotations

from dataclasses import dataclass

from hems.domain.errors import WrongBatteryWindow
from hems.domain.site import BatteryWindow, ReportedBatteryLimits

AUTO = "auto"
CUSTOM = "custom"

CELLS_PER_48V_PACK = 16
CELL_MIN_V = 45.0 / CELLS_PER_48V_PACK
"""2.81 V: the classic lower setting of a 48 V pack, per LFP cell."""
CELL_MAX_V = 58.0 / CELLS_PER_48V_PACK
"""3.63 V: the classic upper setting of a 48 V pack, per LFP cell."""

CAREFUL_CHARGE_TEMPERATURE_MIN_C = 0.0
"""LFP cells plate lithium when charged below freezing; every data sheet of the family starts at 0 °C or above."""
CAREFUL_DISCHARGE_TEMPERATURE_MIN_C = -10.0
"""No figure is known for this product: the careful end of what LFP data sheets name (-20 to -10 °C)."""
CAREFUL_TEMPERATURE_MAX_C = 50.0
"""No figure is known for this product: the careful end of what LFP data sheets name (50 to 60 °C)."""

LOW_VOLTAGE_MAX_V = 65.0
"""A pack at or below this is of the 48 V class (40-60 V); the smallest high-voltage stack starts above 100 V."""
CONNECTED_MIN_V = 10.0
"""Below this a reading is that of open terminals, not of a battery."""

# A resting LFP cell is alive between about 2.4 and 3.8 V. A pack that measures beyond that, seen from its window, is
# not a pack in trouble: it is another pack.
_ALIVE_BELOW_WINDOW = 0.85
_ALIVE_ABOVE_WINDOW = 1.05
# Where limits are set in the inverter for this very battery, one reading outside them is trouble to be stopped for, not
# another pack: that one is told by its limits, or lies far off.
_IN_TROUBLE_BELOW_WINDOW = 0.70
_IN_TROUBLE_ABOVE_WINDOW = 1.20


@dataclass(frozen=True, slots=True, kw_only=True)
class BatteryProduct:
    """One product family; ``cells`` are per module where the modules stand in series, else of the whole pack.

    ``voltage_v`` replaces the cell arithmetic where the product has a converter of its own. A current of None is not
    published: it has to come from the inverter or from the owner.
    """

    key: str
    label: str
    cells: int | None = None
    modules_in_series: tuple[int, int] | None = None
    voltage_v: tuple[float, float] | None = None
    current_max_a: float | None = None
    current_max_from_two_modules_a: float | None = None
    charge_temperature_min_c: float = CAREFUL_CHARGE_TEMPERATURE_MIN_C
    discharge_temperature_min_c: float = CAREFUL_DISCHARGE_TEMPERATURE_MIN_C
    temperature_max_c: float = CAREFUL_TEMPERATURE_MAX_C

    def voltage_range(self, modules: int | None) -> tuple[float, float]:
        """Return lowest and highest pack voltage; for unknown ``modules`` those of the smallest and largest stack."""
        if self.voltage_v is not None:
            return self.voltage_v
        cells = self.cells or 0
        if self.modules_in_series is None:
            return cells * CELL_MIN_V, cells * CELL_MAX_V
        fewest, most = (modules, modules) if modules is not None else self.modules_in_series
        return fewest * cells * CELL_MIN_V, most * cells * CELL_MAX_V

    def current_max(self, modules: int | None) -> float | None:
        """Return the most current the product takes; unknown ``modules`` count as one."""
        if modules is not None and modules >= 2 and self.current_max_from_two_modules_a is not None:
            return self.current_max_from_two_modules_a
        return self.current_max_a

    def stack_sizes(self, modules: int | None) -> tuple[int | None, ...]:
        """Return the module counts to consider: the known one, or all that the product comes in."""
        if self.modules_in_series is None:
            return (modules,)
        fewest, most = self.modules_in_series
        if modules is not None:
            return (modules,) if fewest <= modules <= most else ()
        return tuple(range(fewest, most + 1))


PACK_48V = BatteryProduct(
    key="pack_48v",
    label="48 V pack",
    cells=CELLS_PER_48V_PACK,
    current_max_a=32.0,  # the users' documentation, safety_current_max
    temperature_max_c=60.0,  # the users' documentation, safety_temp_max
)
LYNX_HOME_U = BatteryProduct(
    key="lynx_home_u",
    label="Lynx Home U",
    cells=CELLS_PER_48V_PACK,  # 16S, modules in parallel: data sheet of the LX U5.4-L
    current_max_a=50.0,
    current_max_from_two_modules_a=100.0,
)
LYNX_HOME_F = BatteryProduct(
    key="lynx_home_f",
    label="Lynx Home F G2",
    cells=20,  # 64 V nominal per module at 3.2 V per cell
    modules_in_series=(2, 9),  # 128-576 V nominal
    current_max_a=35.0,
)
LYNX_HOME_F_PLUS = BatteryProduct(
    key="lynx_home_f_plus",
    label="Lynx Home F Plus+",
    cells=32,  # 102.4 V nominal per module at 3.2 V per cell
    modules_in_series=(2, 5),  # 204.8-512 V nominal
    current_max_a=25.0,
)
LYNX_HOME_D = BatteryProduct(
    key="lynx_home_d",
    label="Lynx Home D",
    voltage_v=(320.0, 480.0),  # each module has its own converter: the window does not grow with modules
    charge_temperature_min_c=0.0,
    discharge_temperature_min_c=-20.0,
    temperature_max_c=53.0,
)

PRODUCTS: dict[str, BatteryProduct] = {
    product.key: product for product in (PACK_48V, LYNX_HOME_F, LYNX_HOME_F_PLUS, LYNX_HOME_D, LYNX_HOME_U)
}
PROFILE_NAMES: tuple[str, ...] = (AUTO, *PRODUCTS, CUSTOM)

PROFILE_KEY = "battery_management.profile"
MODULES_KEY = "battery_management.modules"
VOLTAGE_MIN_KEY = "charging.safety_voltage_min"
VOLTAGE_MAX_KEY = "charging.safety_voltage_max"
CURRENT_KEY = "charging.safety_current_max"
TEMPERATURE_MAX_KEY = "charging.safety_temp_max"
CHARGE_TEMPERATURE_KEY = "battery_management.charge_temp_min"
DISCHARGE_TEMPERATURE_KEY = "battery_management.discharge_temp_min"


@dataclass(frozen=True, slots=True, kw_only=True)
class WindowRequest:
    """What the owner says about the battery; None is `auto`, the profile's own value."""

    profile: str = AUTO
    modules: int | None = None
    voltage_min_v: float | None = None
    voltage_max_v: float | None = None
    current_max_a: float | None = None
    temperature_max_c: float | None = None
    charge_temperature_min_c: float | None = None
    discharge_temperature_min_c: float | None = None

    @property
    def is_complete(self) -> bool:
        """Whether the numbers alone make a window."""
        return None not in (self.voltage_min_v, self.voltage_max_v, self.current_max_a, self.temperature_max_c)


@dataclass(frozen=True, slots=True, kw_only=True)
class WindowResolution:
    """The window to operate in, the battery it was taken for, and what a person should know about it."""

    window: BatteryWindow
    label: str
    notes: tuple[str, ...] = ()


class BatteryWindowMismatch(WrongBatteryWindow):
    """A window that cannot be this battery's, or a battery nothing is known of; ``key`` is the setting to change."""

    def __init__(self, key: str, message: str) -> None:
        super().__init__(f"{key}: {message}")
        self.key = key
        self.message = message


@dataclass(frozen=True, slots=True, kw_only=True)
class BatteryEvidence:
    """What the inverter says about the battery, with what cannot be meant taken out. None is unknown."""

    low_v: float | None
    high_v: float | None
    charge_a: float | None
    discharge_a: float | None
    measured_v: float | None

    @staticmethod
    def of(reported: ReportedBatteryLimits) -> BatteryEvidence:
        """Return ``reported`` without open terminals, zeros and crossed limits.

        A current limit of 0 A means that charging or discharging is switched off at present, not that the battery
        takes none; the inverter keeps to it by itself.
        """
        low, high = _positive(reported.voltage_min_v), _positive(reported.voltage_max_v)
        if low is not None and high is not None and low >= high:
            low = high = None
        measured = reported.measured_voltage_v
        return BatteryEvidence(
            low_v=low,
            high_v=high,
            charge_a=_positive(reported.charge_current_max_a),
            discharge_a=_positive(reported.discharge_current_max_a),
            measured_v=measured if measured is not None and measured >= CONNECTED_MIN_V else None,
        )

    @property
    def has_voltage(self) -> bool:
        """Whether anything is known of the voltage."""
        return (self.low_v, self.high_v, self.measured_v) != (None, None, None)

    @property
    def highest_v(self) -> float:
        """The highest voltage known of."""
        return max(value for value in (self.low_v, self.high_v, self.measured_v) if value is not None)

    def fits(self, low_v: float, high_v: float) -> bool:
        """Return whether a battery with this window could be the one connected; unknown readings do not object."""
        alive_from, alive_to = _ALIVE_BELOW_WINDOW, _ALIVE_ABOVE_WINDOW
        if self.low_v is not None and self.high_v is not None:
            alive_from, alive_to = _IN_TROUBLE_BELOW_WINDOW, _IN_TROUBLE_ABOVE_WINDOW
        if self.measured_v is not None and not alive_from * low_v <= self.measured_v <= alive_to * high_v:
            return False
        if self.low_v is None or self.high_v is None:
            return (self.low_v is None or self.low_v < high_v) and (self.high_v is None or self.high_v > low_v)
        # Windows of the same battery lie over each other; those of two batteries at most touch.
        overlap = min(high_v, self.high_v) - max(low_v, self.low_v)
        return overlap >= 0.5 * min(high_v - low_v, self.high_v - self.low_v)

    def describe(self) -> str:
        """Return what the inverter says, as part of a sentence."""
        parts = []
        if self.low_v is not None and self.high_v is not None:
            parts.append(f"reports {self.low_v:.1f}-{self.high_v:.1f} V")
        elif self.low_v is not None:
            parts.append(f"reports at least {self.low_v:.1f} V")
        elif self.high_v is not None:
            parts.append(f"reports at most {self.high_v:.1f} V")
        if self.measured_v is not None:
            parts.append(f"measures {self.measured_v:.1f} V")
        return "the inverter " + " and ".join(parts) if parts else "the inverter reports no battery voltage"


def products_that_fit(evidence: BatteryEvidence, modules: int | None = None) -> list[tuple[BatteryProduct, int | None]]:
    """Return every product and stack size that could be the connected battery."""
    return [
        (product, size)
        for product in PRODUCTS.values()
        for size in product.stack_sizes(modules)
        if evidence.fits(*product.voltage_range(size))
    ]


def _positive(value: float | None) -> float | None:
    return value if value is not None and value > 0 else None
