"""One household: its coordinator, and the face it shows: status, files, figures, retention."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import structlog

from hems.composition.battery_status import battery_status
from hems.composition.figures import FigureBoard
from hems.composition.opening import Opening
from hems.composition.parts import Surroundings, build_parts, coordinator_options_of
from hems.composition.plan_status import plan_status
from hems.composition.tools import Loaded
from hems.coordination.enhanced_data_collector import EnhancedDataCollector
from hems.coordination.events import EventLog
from hems.coordination.master_coordinator import MasterCoordinator
from hems.coordination.order_desk import DeskOptions, OrderDesk
from hems.coordination.status import build_status
from hems.decision.wording import Language
from hems.domain.errors import StorageError
from hems.domain.record import EnergySlot
from hems.domain.time_grid import floor_to_grid, local_date, local_day_bounds
from hems.ports.clock import Clock
from hems.ports.inverter import Inverter

log = structlog.get_logger(__name__)

PRICES_TOLD_EVERY_S = 900.0
PRICES_AHEAD = timedelta(hours=24)


class Household:
    """Has the coordinator built, and shows after each cycle what came of it."""

    def __init__(
        self,
        loaded: Loaded,
        around: Surroundings,
        on_cycle: Callable[[Household], None] | None = None,
        refresh_s: float | None = None,
        on_progress: Callable[[Household], None] | None = None,
    ) -> None:
        """``on_cycle`` is called after every cycle, for a live screen or an observer.

        ``on_progress`` is called before anything is shown: what cannot be shown is no standstill.

        The status file is renewed with every news and, where somebody may read it, every ``refresh_s`` seconds.
        """
        self._loaded = loaded
        self._around = around
        self._watchers = [] if on_cycle is None else [on_cycle]
        self._on_progress = on_progress
        self._opening = Opening(loaded, self._on_quarter)
        self._refresh_s = refresh_s
        self.beside: dict[str, Any] = {}
        """What runs beside the coordinator says of itself in the status, by its section's name."""
        self.is_shown = True
        """Whether news are written to the status file; a simulated house that nobody looks at saves the work."""
        self._next_refresh_s = around.clock.monotonic()
        self._pruned_on: str | None = None
        self._slots_key: tuple[datetime, int] | None = None
        self._slots: list[dict[str, Any]] = []
        self._next_prices_s = around.clock.monotonic()
        settings, clock, store = loaded.settings, around.clock, around.store
        events = EventLog(clock, store)
        self._figures = FigureBoard(store, settings)
        self.collector = EnhancedDataCollector(around.connector, clock, self._on_opened)
        parts = build_parts(loaded, around, self.collector, events)
        self.coordinator = MasterCoordinator(parts, coordinator_options_of(settings), self._after_cycle)
        language = Language(settings.decision.language)
        self.orders = OrderDesk(self.coordinator, DeskOptions(zone=loaded.zone, language=language))
        """Takes what persons order; to be used on the loop that the coordinator runs on."""
        self._tell_of_today(events)
        if store.notice is not None:
            events.add("storage", "error", store.notice)
        self._tell_of_disk()

    def _tell_of_today(self, events: EventLog) -> None:
        """Let the plan know what the battery gave earlier today: a cap on the day's cycles outlives a restart."""
        now, zone = self._around.clock.now(), self._loaded.zone
        start, _ = local_day_bounds(local_date(now, zone), zone)
        try:
            quarters = self._around.store.energy_between(start, now)
        except StorageError as error:
            events.add("storage", "error", f"what the battery gave earlier today is not counted: {error}")
            return
        for slot in quarters:
            self.coordinator.parts.outlook.on_quarter(slot)

    async def _on_opened(self, inverter: Inverter) -> None:
        await self._opening.take(inverter, self.coordinator.parts)

    @property
    def loaded(self) -> Loaded:
        """The configuration it runs by, and its places."""
        return self._loaded

    @property
    def clock(self) -> Clock:
        """The clock it lives by."""
        return self._around.clock

    def watch(self, watcher: Callable[[Household], None]) -> None:
        """Have ``watcher`` called after every cycle too."""
        self._watchers.append(watcher)

    # -- after each quarter and each cycle ---------------------------------------------------------------------

    def _on_quarter(self, slot: EnergySlot) -> None:
        store, zone = self._around.store, self._loaded.zone
        store.add_energy(slot)
        day = local_date(slot.start, zone)
        start, end = local_day_bounds(day, zone)
        try:
            quarters = {kept.start: kept for kept in store.energy_between(start, end)} | {slot.start: slot}
        except StorageError as error:
            self.coordinator.parts.events.add("storage", "error", f"the day's energy file is not renewed: {error}")
        else:
            self._around.files.write_energy_of(day, [quarters[at] for at in sorted(quarters)])
        self.coordinator.parts.forecasts.on_quarter(slot)
        self.coordinator.parts.outlook.on_quarter(slot)
        if self.coordinator.parts.shadows is not None:
            self.coordinator.parts.shadows.on_quarter(slot)
        self._figures.invalidate()

    def _after_cycle(self, coordinator: MasterCoordinator, news: bool) -> None:
        if self._on_progress is not None:
            self._on_progress(self)
        now = self._around.clock.now()
        elapsed_s = self._around.clock.monotonic()
        self._tell_of_disk()
        self._tell_ledger_prices(now)
        self._tell_forecasts_of_limit(now)
        if self._opening.should_look_again(elapsed_s):
            self.collector.open_anew()
        if news or (self._refresh_s is not None and elapsed_s >= self._next_refresh_s):
            self._next_refresh_s = elapsed_s + (self._refresh_s or 0.0)
            if self.is_shown:
                self._around.files.publish(self.status(), self._schedule())
            self._prune(now)
        for watcher in self._watchers:
            watcher(self)

    def _tell_of_disk(self) -> None:
        for told in (*self._around.store.news(), *self._around.files.news()):
            self.coordinator.parts.events.add("storage", told.severity, told.text)

    def _tell_ledger_prices(self, now: datetime) -> None:
        """Let the ledger know the prices ahead: they say what stored energy is worth."""
        ledger, elapsed_s = self.coordinator.parts.ledger, self._around.clock.monotonic()
        if ledger is not None and elapsed_s >= self._next_prices_s:
            self._next_prices_s = elapsed_s + PRICES_TOLD_EVERY_S
            ledger.set_prices(self._around.prices.retail_between(now, now + PRICES_AHEAD))

    def _tell_forecasts_of_limit(self, now: datetime) -> None:
        """Let the forecasts know of an export limit in force: what the sun gives then is held back."""
        active = self.coordinator.parts.actions.active
        if active is not None and active.export_limit_w is not None:
            self.coordinator.parts.forecasts.note_export_limit(active.export_limit_w, now)

    def _prune(self, now: datetime) -> None:
        today = local_date(now, self._loaded.zone).isoformat()
        if today != self._pruned_on:
            self._pruned_on = today
            self._around.store.prune(now)
            self._around.files.prune(now)

    def _schedule(self) -> list[dict[str, object]]:
        decision = self.coordinator.parts.decisions.last
        if decision is None:
            return []
        return [
            {
                "at": decision.at,
                "mode": decision.mode.value,
                "power_w": decision.command.power_w,
                "target_soc_pct": decision.command.target_soc_pct,
                "export_limit_w": decision.command.export_limit_w,
                "until": decision.command.expires_at if decision.command.is_forced else None,
                "source": decision.source,
                "confidence_pct": round(decision.confidence_pct, 1),
                "reason": decision.reason,
            }
        ]

    # -- status ------------------------------------------------------------------------------------------------

    def status(self) -> dict[str, Any]:
        """Return the status document of now."""
        now, prices = self._around.clock.now(), self._around.prices
        context = prices.price_context(now)
        extra = {
            "battery": self._battery(),
            "plan": plan_status(self.coordinator.parts.decisions.plan),
            "price": {
                "price_per_mwh": context.price_per_mwh,
                "currency": context.currency,
                "origin": context.origin.value if context.origin is not None else None,
                "import_per_kwh": context.import_per_kwh,
                "export_per_kwh": context.export_per_kwh,
            },
            "price_slots": self._price_slots(now),
            "metrics": self._figures.read(now),
            "storage": self._storage(),
            **self.beside,
        }
        return build_status(self.coordinator, self.collector.inverter, extra)

    def _battery(self) -> dict[str, Any] | None:
        spec = self.coordinator.parts.safety.spec
        if spec is None:
            return None
        active = self.coordinator.parts.actions.active
        target_pct = active.target_soc_pct if active is not None and active.target_soc_pct is not None else None
        return battery_status(
            spec,
            self._opening.battery_label,
            self._loaded.settings.charging.target_soc if target_pct is None else target_pct,
            self.coordinator.parts.collection.last_24_hours,
        )

    def _price_slots(self, now: datetime) -> list[dict[str, Any]]:
        """Return today's and tomorrow's prices; made anew each quarter and at each decision, which new prices cause."""
        key = (floor_to_grid(now), self.coordinator.parts.decisions.decision_count)
        if key != self._slots_key:
            self._slots_key, self._slots = key, self._read_price_slots(now)
        return self._slots

    def _read_price_slots(self, now: datetime) -> list[dict[str, Any]]:
        today = local_date(now, self._loaded.zone)
        start, _ = local_day_bounds(today, self._loaded.zone)
        _, end = local_day_bounds(today + timedelta(days=1), self._loaded.zone)
        return [
            {
                "start": slot.start.isoformat().replace("+00:00", "Z"),
                "price_per_mwh": slot.price_per_mwh,
                "origin": slot.origin.value,
            }
            for slot in self._around.prices.prices_between(start, end)
        ]

    def _storage(self) -> dict[str, Any]:
        stats = self._around.store.stats()
        return {
            "queued": stats.queued,
            "dropped": stats.dropped,
            "failed_commits": stats.failed_commits,
            "failed_files": self._around.files.failed_writes + self._around.files.failed_removals,
            "file_mb": round(stats.file_bytes / 1e6, 2),
            "last_error": stats.last_error or self._around.files.last_error,
        }
