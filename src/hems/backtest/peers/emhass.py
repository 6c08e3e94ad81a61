"""EMHASS as a peer: its own optimisation, driven as a library on the same forecast and prices as our planner.

The MILP of `emhass.optimization.Optimization` (cvxpy and HiGHS) as its MPC runs it, without Home Assistant, files or
deferrable loads. Needs the extra `peers`; nothing of it is imported before the first plan. Tried with EMHASS 0.18.7.

The settings are those that serve EMHASS best in our model of a home; each has its reason at ``_plant`` and ``_optim``.
What it cannot be told: where stored energy came from (`HomeModel.no_grid_energy_into_export`), a daily cap of cycles,
and slots of uneven length. It always plans as if PV could be cut, for without that it has no plan where the sun gives
more than house, battery and export limit take; at selling prices below zero that flatters a home which cannot. A load
above the fuse would leave it without a plan, so there its fuse is the load.
Source: the EMHASS source code and its documentation of `plant_conf` and `optim_conf`.
"""

from __future__ import annotations

import importlib
import importlib.util
import logging
import warnings
from dataclasses import dataclass
from time import perf_counter
from types import ModuleType
from typing import Any

import numpy as np

from hems.backtest.peers.question import PeerPlan, PlanQuestion
from hems.domain.errors import HemsError
from hems.domain.outlook import HomeModel
from hems.domain.units import kwh_from_wh

_W = 1000.0
_LEAST_MPC_SLOTS = 5
"""Its MPC refuses shorter horizons; the optimisation below it does not, down to ..."""
_LEAST_SLOTS = 2
_LEAST_LAST_PRICE = 0.01
"""[money/kWh] Below this the worth of what is left cannot be told as a multiple of the last price."""
_MOST_BUILT = 4
_NO_REWARD = 1e-9
"""Zero would turn the reward of what is left into a penalty."""
_LOG = logging.getLogger(f"{__name__}.solver")


class PeerNotInstalled(HemsError):
    """A peer was asked for that is not installed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EmhassSettings:
    """What of EMHASS may be chosen; see there why these."""

    mip_gap: float = 0.01
    """At which share of the objective its solver may stop: 1 % is what it ships with, and its fastest; 0 is the
    optimum, which can take all of ``seconds_max`` where selling pays more than buying costs."""
    threads: int = 0
    """0: as many as the solver likes."""
    seconds_max: float = 45.0
    """Its shipped time limit; what was found by then is its plan."""
    battery_may_export: bool = True
    """Shipped as False: no energy of the battery into the grid."""
    grid_may_charge: bool = True


def is_installed() -> bool:
    """Say whether EMHASS can be asked."""
    return importlib.util.find_spec("emhass") is not None


def version() -> str | None:
    """Return EMHASS's version, None where it is not installed."""
    from importlib import metadata

    return metadata.version("emhass") if is_installed() else None


class EmhassPlanner:
    """Plans one home with EMHASS; a built problem is used again where only numbers change, as its service does."""

    def __init__(self, home: HomeModel, settings: EmhassSettings | None = None) -> None:
        """Raises: PeerNotInstalled; ValueError where the home has no battery to plan with."""
        if not home.capacity_wh > 0.0:
            raise ValueError(f"a battery of {home.capacity_wh:g} Wh: there is nothing to plan with")
        self._home = home
        self._settings = settings or EmhassSettings()
        self._emhass = _module("emhass.optimization")
        self._pandas = _module("pandas")
        self._built: dict[tuple[object, ...], Any] = {}

    def battery_kw(self, question: PlanQuestion, stored_kwh: float) -> float | None:
        """Return the power for the present slot [kW, + charges], as EMHASS's users execute it; None without a plan."""
        plan = self.plan(question, stored_kwh)
        return None if plan.battery_kw is None else float(plan.battery_kw[0])

    def plan(self, question: PlanQuestion, stored_kwh: float) -> PeerPlan:
        """Return EMHASS's plan from ``stored_kwh`` on. Raises: ValueError where ``stored_kwh`` cannot be right."""
        capacity = kwh_from_wh(self._home.capacity_wh)
        if not -1e-6 <= stored_kwh <= capacity + 1e-6:
            raise ValueError(f"{stored_kwh:g} kWh stored in a battery of {capacity:g} kWh")
        begun = perf_counter()
        if len(question) < _LEAST_SLOTS:
            return PeerPlan(
                battery_kw=None, status="Horizon too short", is_built_anew=False,
                seconds=perf_counter() - begun, build_seconds=0.0, solver_seconds=None,
            )  # fmt: skip
        end_weight, reward = _worth_of_the_rest(question)
        fuse_w = _fuse_w(self._home, question)
        key = (len(question), question.slot_hours, end_weight, None if np.ndim(fuse_w) == 0 else bytes(fuse_w))
        model = self._built.pop(key, None)
        is_built_anew = model is None
        if model is None:
            model = self._build(question, end_weight, fuse_w)
            while len(self._built) >= _MOST_BUILT:
                del self._built[next(iter(self._built))]
        self._built[key] = model  # the newest last
        set_up = perf_counter() - begun
        model.optim_conf["battery_soc_final_reward_factor"] = reward
        stages: dict[str, float] = {}
        result = self._solve(model, question, min(max(stored_kwh / capacity, 0.0), 1.0), stages)
        battery_kw = None
        if "P_batt" in result:
            battery_kw = -result["P_batt"].to_numpy(dtype=np.float64) / _W
        statistics = getattr(model.prob, "solver_stats", None)
        return PeerPlan(
            battery_kw=battery_kw,
            status=str(model.optim_status),
            is_built_anew=is_built_anew,
            seconds=perf_counter() - begun,
            build_seconds=set_up + stages.get("optim_solve.build", 0.0),
            solver_seconds=getattr(statistics, "solve_time", None),
        )

    def _solve(self, model: Any, question: PlanQuestion, soc: float, stages: dict[str, float]) -> Any:
        """Return EMHASS's table of results."""
        index = self._pandas.RangeIndex(len(question))  # only carried along: prices and forecasts come as rows
        prices = self._pandas.DataFrame({"buy": question.buy_per_kwh, "sell": question.sell_per_kwh}, index=index)
        pv_w, load_w = (self._pandas.Series(row * _W, index=index) for row in (question.pv_kw, question.load_kw))
        ends = {"soc_init": soc, "soc_final": _floor_share(self._home), "stage_times": stages}
        with warnings.catch_warnings():  # a plan cut off by its time limit says so in its status
            warnings.filterwarnings("ignore", message="Solution may be inaccurate", category=UserWarning)
            if len(question) >= _LEAST_MPC_SLOTS:
                return model.perform_naive_mpc_optim(prices, pv_w, load_w, len(question), **ends)
            return model.perform_optimization(
                prices, pv_w.to_numpy(), load_w.to_numpy(), question.buy_per_kwh, question.sell_per_kwh, **ends
            )

    def _build(self, question: PlanQuestion, end_weight: float, fuse_w: Any) -> Any:
        sensors = {
            "optimization_time_step": self._pandas.Timedelta(hours=question.slot_hours),
            "time_zone": "UTC",
            "sensor_power_photovoltaics": "pv",
            "sensor_power_load_no_var_loads": "load",
        }
        plant, optim = _plant(self._home, fuse_w), _optim(self._home, self._settings, end_weight)
        _LOG.setLevel(logging.ERROR)  # it tells of every plan; what matters is in the status
        return self._emhass.Optimization(
            sensors, optim, plant, "buy", "sell", "profit", {}, _LOG, num_timesteps=len(question)
        )


def _plant(home: HomeModel, fuse_w: Any) -> dict[str, object]:
    """Return EMHASS's picture of the house, in its words."""
    return {
        # One AC bus, as in our model; the hybrid one adds a DC bus with limits and binaries that nothing here needs.
        "inverter_is_hybrid": False,
        "compute_curtailment": True,
        "maximum_power_from_grid": fuse_w,
        "maximum_power_to_grid": home.export_max_w,
        # It takes the discharge efficiency off the limit, which ours has at the AC side.
        "battery_discharge_power_max": home.discharge_max_w / home.discharge_efficiency,
        "battery_charge_power_max": home.charge_max_w,
        "battery_discharge_efficiency": home.discharge_efficiency,
        "battery_charge_efficiency": home.charge_efficiency,
        "battery_nominal_energy_capacity": home.capacity_wh,
        "battery_minimum_state_of_charge": _floor_share(home),
        "battery_maximum_state_of_charge": home.ceiling_pct / 100.0,
        "battery_target_state_of_charge": _floor_share(home),
    }


def _optim(home: HomeModel, settings: EmhassSettings, end_weight: float) -> dict[str, object]:
    """Return what EMHASS is to do, in its words; no deferrable loads, no stress cost, no ramps."""
    none_of: list[float] = []
    return {
        "number_of_deferrable_loads": 0,
        "nominal_power_of_deferrable_loads": none_of,
        "operating_hours_of_each_deferrable_load": none_of,
        "start_timesteps_of_each_deferrable_load": none_of,
        "end_timesteps_of_each_deferrable_load": none_of,
        "set_total_pv_sell": False,
        "set_use_battery": True,
        "set_nocharge_from_grid": not settings.grid_may_charge,
        "set_nodischarge_to_grid": not settings.battery_may_export,
        "set_battery_dynamic": False,
        # Wear, each way at the AC side, as ours; and, where it has to, the worth of what is left.
        "weight_battery_discharge": home.wear_per_kwh + end_weight / home.discharge_efficiency,
        "weight_battery_charge": home.wear_per_kwh - end_weight * home.charge_efficiency,
        "lp_solver_mip_rel_gap": settings.mip_gap,
        "lp_solver_timeout": settings.seconds_max,
        "num_threads": settings.threads,
    }


def _worth_of_the_rest(question: PlanQuestion) -> tuple[float, float]:
    """Return how what is left at the end gets its worth: by the weights [money/kWh], and as a share of the last price.

    EMHASS rewards what is left above ``soc_final`` with a multiple of the last buying price, so with the floor as
    ``soc_final`` it can be told any worth; its usual ``soc_final = soc_init`` would hold back what is stored. Where the
    last price is no measure, and where its penalty of 100 times the dearest price would not outweigh the reward, the
    worth goes into the weights of charging and discharging instead, which is the same sum told otherwise; they are part
    of the built problem. Told so, and solved to 1e-6, its plans cost what HiGHS finds for our own model.
    """
    last, dearest = float(question.buy_per_kwh[-1]), float(question.buy_per_kwh.max())
    if question.end_value <= 0.0:
        return question.end_value, _NO_REWARD
    if last >= _LEAST_LAST_PRICE and question.end_value < 50.0 * dearest:
        return 0.0, question.end_value / last
    return question.end_value, _NO_REWARD


def _fuse_w(home: HomeModel, question: PlanQuestion) -> Any:
    """Return the import limit [W]; slot by slot where the house alone exceeds it, for then it could not be kept."""
    alone_w = (question.load_kw - question.pv_kw).clip(min=0.0) * _W
    return np.maximum(alone_w, home.import_max_w) if alone_w.max() > home.import_max_w else home.import_max_w


def _floor_share(home: HomeModel) -> float:
    return max(home.floor_pct, home.reserve_pct) / 100.0


def _module(name: str) -> ModuleType:
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as missing:
        raise PeerNotInstalled(
            "EMHASS is not installed: add it with the extra `peers` (pip install 'goodwe-master-coordinator[peers]')"
        ) from missing
