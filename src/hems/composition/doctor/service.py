"""The service: is it installed, does it run, did it end well, and is its record fresh."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from hems.adapters.process_lock import LOCK_NAME
from hems.adapters.systemd import UNIT, UnitState, unit_state
from hems.composition.doctor.house import House
from hems.composition.doctor.model import Catalogue, Finding, Group
from hems.composition.refusal import read_refusal

RECORD_STALE = timedelta(minutes=3)
"""The status is written every ten seconds; the watchdog acts after three minutes."""
RESTARTS_MANY = 3

CATALOGUE = Catalogue(Group.SERVICE)

_JOURNAL = "`journalctl -u goodwe-master-coordinator -n 50` says why"
_START = "`systemctl start goodwe-master-coordinator`"

RUNS = CATALOGUE.fine("service_runs", "Service runs")
ENABLED = CATALOGUE.fine("service_enabled", "Starts at boot")
GIVEN_BACK = CATALOGUE.fine("service_gave_back", "Inverter was given back")
NO_SYSTEMD = CATALOGUE.unknown(
    "service_no_systemd", "No systemd here", "this machine was not started by systemd: there is no service to look at"
)
NOT_INSTALLED = CATALOGUE.unknown(
    "service_not_installed",
    "Service not installed",
    "systemd knows no such unit: the coordinator runs only while somebody runs it",
    "Install it: `sudo ./scripts/ubuntu_setup.sh`",
)
NOT_RUNNING = CATALOGUE.warning(
    "service_not_running",
    "Coordinator does not run",
    "nothing decides at present; the inverter works by itself",
    _START + ", or run `python3 src/master_coordinator.py` in a terminal",
)
FAILED = CATALOGUE.problem(
    "service_failed",
    "Service failed",
    "systemd started the service and it ended with an error",
    _JOURNAL,
    _START + " when the cause is gone",
)
REFUSED_START = CATALOGUE.problem(
    "service_refused_start",
    "Service refused to start",
    "it said why and ended; the inverter works by itself meanwhile",
    "Correct what is named, then " + _START,
)
RESTARTING = CATALOGUE.problem(
    "service_restarting",
    "Service starts again and again",
    "the service ends soon after each start, and systemd keeps trying",
    _JOURNAL,
)
WATCHDOG = CATALOGUE.problem(
    "service_watchdog",
    "Service hung",
    "the control cycle made no progress and systemd ended it",
    _JOURNAL + "; the trace of where it hung stands there. Please report it",
)
MANY_RESTARTS = CATALOGUE.warning(
    "service_restarted_often",
    "Service was restarted",
    "it ended unasked several times since the machine started",
    _JOURNAL,
)
NOT_ENABLED = CATALOGUE.warning(
    "service_not_enabled",
    "Does not start at boot",
    "after a power cut nobody would start the service",
    "`systemctl enable goodwe-master-coordinator`",
)
RELOAD = CATALOGUE.warning(
    "service_unit_changed",
    "Unit changed on disk",
    "systemd still works with the unit as it was",
    "`systemctl daemon-reload`, then restart the service",
)
STALE = CATALOGUE.problem(
    "service_record_stale",
    "Service hangs",
    "the service runs, but its record is old: it makes no progress",
    "`systemctl restart goodwe-master-coordinator`",
    _JOURNAL,
)
BY_HAND = CATALOGUE.warning(
    "service_run_by_hand",
    "Run outside systemd",
    "somebody runs the coordinator in a terminal: the installed service cannot start beside it",
    "End the one in the terminal (Ctrl-C), then " + _START,
)
LEFT_BEHIND = CATALOGUE.problem(
    "service_left_inverter",
    "Inverter not given back",
    "the last run ended without putting the inverter back to self-use: a forced mode may still be in force",
    "`hems restore` puts it back now",
)
NOT_TOLD = CATALOGUE.unknown(
    "service_not_told",
    "Running or not: not told",
    "this user may not read the service's lock",
    "Run `sudo hems doctor`, or as the service's user",
)

DASHBOARD = CATALOGUE.fine("service_dashboard_open", "Dashboard is open")
DASHBOARD_CLOSED = CATALOGUE.warning(
    "service_dashboard_closed",
    "Dashboard is not open",
    "the coordinator works, but nobody can look at it in a browser, and it says why",
    "Do what it says; it is tried again every few seconds, without a restart",
)


async def service_findings(house: House) -> Sequence[Finding]:
    """Return what is to be said of the service."""
    return judge_service(house, await unit_state(), house.clock.now())


def judge_service(house: House, unit: UnitState | None, now: datetime) -> list[Finding]:
    """Return what the unit, the lock and the record mean together."""
    findings = _of_process(house, unit, now)
    if unit is None:
        return [*findings, NO_SYSTEMD("systemd is not in charge here")]
    if not unit.is_installed:
        return [*findings, NOT_INSTALLED(f"{UNIT}: {unit.get('LoadState') or 'not found'}")]
    findings += _of_unit(unit, house)
    if unit.get("UnitFileState") not in ("enabled", "enabled-runtime"):
        findings.append(NOT_ENABLED(f"{UNIT} is {unit.get('UnitFileState') or 'not enabled'}"))
    else:
        findings.append(ENABLED(UNIT))
    if unit.get("NeedDaemonReload") == "yes":
        findings.append(RELOAD(f"{UNIT} on disk is newer than the one in use"))
    return findings


def _of_process(house: House, unit: UnitState | None, now: datetime) -> list[Finding]:
    status = house.status or {}
    if house.is_running is None:
        return [NOT_TOLD(f"{house.data / LOCK_NAME} cannot be read")]
    if not house.is_running:
        return [*_of_lock(house), *_of_end(house)]
    at = _moment(status.get("at"))
    if at is not None and now - at > RECORD_STALE:
        return [STALE(f"its record is {(now - at).total_seconds() / 60:.0f} minutes old")]
    pid = (status.get("resources") or {}).get("pid")
    found = f"{status.get('state') or 'starting'}, up {_duration(status.get('uptime_s'))}, process {pid}"
    findings = [RUNS(found), *_of_dashboard(status.get("web"))]
    if unit is not None and unit.is_installed and unit.get("ActiveState") not in ("active", "activating"):
        findings.append(BY_HAND(f"process {pid} holds {house.data}, and {UNIT} is {unit.get('ActiveState')}"))
    return findings


def _of_dashboard(web: object) -> list[Finding]:
    """Say whether the dashboard is open; nothing where it is not wanted."""
    if not isinstance(web, dict):
        return []
    kind = DASHBOARD if web.get("open") else DASHBOARD_CLOSED
    return [kind(str(web.get("message") or web.get("address")))]


def _of_lock(house: House) -> list[Finding]:
    found = "no process holds the data directory"
    if (house.data / LOCK_NAME).exists():
        found += f"; {LOCK_NAME} was left behind, which is harmless: the kernel frees it with the process"
    refusal = read_refusal(house.data)
    if refusal is not None:
        return [REFUSED_START(f"{refusal['at']}: {refusal['message']}")]
    return [NOT_RUNNING(found)]


def _of_end(house: House) -> list[Finding]:
    """Say how the last run left the inverter."""
    warning = house.options.left_behind(house.status or {})
    control = house.control
    if warning is not None:
        return [LEFT_BEHIND(warning)]
    if control is not None and control.ended is None:
        return [LEFT_BEHIND(f"{control.inverter.host} was taken over at {control.since:%Y-%m-%d %H:%M} UTC")]
    if house.status is None or not house.status.get("at"):
        return []
    return [GIVEN_BACK("the last run ended with the inverter in self-use")]


def _of_unit(unit: UnitState, house: House) -> list[Finding]:
    active, result, status = unit.get("ActiveState"), unit.get("Result"), unit.number("ExecMainStatus")
    restarts = unit.number("NRestarts") or 0
    meaning = house.options.exit_meanings.get(status or 0, "")
    ended = f"exit code {status}{f' ({meaning})' if meaning else ''}, result {result}"
    if result == "watchdog" and active != "active":
        return [WATCHDOG(f"{UNIT}: {ended}")]
    if active == "failed":
        return [FAILED(f"{UNIT}: {ended}")]
    if active == "activating" and unit.get("SubState") == "auto-restart":
        return [RESTARTING(f"{UNIT}: {restarts} restarts; last {ended}")]
    if active == "active" and restarts >= RESTARTS_MANY:
        return [MANY_RESTARTS(f"{restarts} restarts")]
    return []


def _moment(text: object) -> datetime | None:
    if not isinstance(text, str):
        return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    return moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)


def _duration(seconds: object) -> str:
    if not isinstance(seconds, int | float):
        return "for an unknown time"
    if seconds < 7200:
        return f"{seconds / 60:.0f} minutes"
    return f"{seconds / 3600:.0f} hours" if seconds < 172_800 else f"{seconds / 86_400:.0f} days"
