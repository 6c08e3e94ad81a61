"""What is told to systemd arrives, at a path and at an abstract address, and never holds the service up."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from hems.adapters.service_manager import ServiceManager
from support.manager import Manager


@pytest.mark.parametrize("is_abstract", [True, False])
def test_assignments_arrive_in_one_message(tmp_path: Path, is_abstract: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)  # an address has 108 bytes at most
    with Manager(None if is_abstract else Path("/proc/self/cwd/notify")) as manager:
        service = ServiceManager(manager.environment())
        assert service.is_there
        assert service.tell("READY=1", "STATUS=charging, 57 %")
        assert manager.listen() == ["READY=1", "STATUS=charging, 57 %"]


@pytest.mark.parametrize("environment", [{}, {"NOTIFY_SOCKET": ""}, {"NOTIFY_SOCKET": "vsock:2:1234"}])
def test_without_a_manager_nothing_is_told(environment: dict[str, str]) -> None:
    service = ServiceManager(environment)
    assert not service.is_there
    assert not service.tell("READY=1")


def test_a_manager_that_has_gone_is_complained_of_once(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    service = ServiceManager({"NOTIFY_SOCKET": str(tmp_path / "gone")})
    assert [service.tell("WATCHDOG=1") for _ in range(3)] == [False, False, False]
    assert service._is_complaining


def test_a_manager_that_does_not_listen_holds_nobody_up() -> None:
    with Manager() as manager:
        service = ServiceManager(manager.environment())
        told = [service.tell("WATCHDOG=1") for _ in range(10_000)]
        assert told[0] is True
        assert told[-1] is False, "its queue is full, and the service did not wait"
        manager.listen()
        assert service.tell("WATCHDOG=1")


@pytest.mark.parametrize(
    ("environment", "watchdog_s"),
    [
        ({}, None),
        ({"WATCHDOG_USEC": "180000000"}, 180.0),
        ({"WATCHDOG_USEC": "180000000", "WATCHDOG_PID": str(os.getpid())}, 180.0),
        ({"WATCHDOG_USEC": "180000000", "WATCHDOG_PID": "1"}, None),
        ({"WATCHDOG_USEC": "0"}, None),
        ({"WATCHDOG_USEC": "soon"}, None),
    ],
)
def test_the_watchdog_is_this_process_own(environment: dict[str, str], watchdog_s: float | None) -> None:
    assert ServiceManager(environment).watchdog_s == watchdog_s
