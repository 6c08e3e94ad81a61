"""The stream over real HTTP: what changes comes at once, and who comes back gets what was missed."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx2
import pytest

from support.dashboard import RunningDashboard, running_dashboard

pytestmark = [pytest.mark.slow, pytest.mark.timeout(120)]


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningDashboard]:
    with running_dashboard(tmp_path_factory.mktemp("house"), strategy="self_use", poll_s=1) as running:
        yield running


def events(
    house: RunningDashboard, last: str | None, until: str, words: str = "", **more: str
) -> list[tuple[str, str, str]]:
    """Return (id, event, data) of the stream up to the first ``until`` whose data hold ``words``."""
    headers = more | ({} if last is None else {"Last-Event-ID": last})
    found: list[tuple[str, str, str]] = []
    fields: dict[str, str] = {}
    with httpx2.stream("GET", f"{house.url}api/v1/stream", headers=headers, timeout=30) as answer:
        assert answer.status_code == 200
        assert answer.headers["content-type"].startswith("text/event-stream")
        assert "content-encoding" not in answer.headers, "packed, it would come in lumps"
        for line in answer.iter_lines():
            name, _, value = line.partition(": ")
            if name:
                fields[name] = value
            elif not line and "event" in fields:
                found.append((fields["id"], fields["event"], fields["data"]))
                if fields["event"] == until and words in fields["data"]:
                    return found
                fields = {}
    return found


def later() -> str:
    return (datetime.now(UTC) + timedelta(hours=1)).isoformat()


def test_the_live_state_comes_at_once(house: RunningDashboard) -> None:
    (_, event, data), *_ = events(house, None, "state", **{"Accept-Encoding": "gzip"})
    assert event == "state"
    assert json.loads(data)["readings"]["battery_soc_pct"] > 0


def test_who_comes_back_gets_the_decision_that_was_missed(house: RunningDashboard) -> None:
    last = events(house, None, "state")[-1][0]
    house.order(order="hold", until=later())
    missed = events(house, last, "decision", '"person"')  # a quarter may begin just now: its decision comes too
    assert "reset" not in {event for _, event, _ in missed}
    told = json.loads(missed[-1][2])
    assert (told["mode"], told["source"]) == ("hold", "person")
    house.order(order="withdraw", what="hold")


def test_who_comes_from_another_run_loads_everything_anew(house: RunningDashboard) -> None:
    found = events(house, "deadbeef-7", "state")
    assert [event for _, event, _ in found] == ["reset", "state"]


def test_a_revoked_token_hears_no_more(house: RunningDashboard, tmp_path: Path) -> None:
    made = house.hems("web", "token", "create", "wall", "--scope", "read")
    token = next(word for word in made.split() if word.startswith("hems_"))
    headers = {"Authorization": f"Bearer {token}"}
    with httpx2.stream("GET", f"{house.url}api/v1/stream", headers=headers, timeout=20) as answer:
        lines = answer.iter_lines()
        next(line for line in lines if line == "event: state")
        house.hems("web", "token", "revoke", "wall")
        assert not [line for line in lines if line == "event: alert"], "it ends"
    refused = httpx2.get(f"{house.url}api/v1/state", headers=headers)
    assert refused.status_code == 401
    forbidden = httpx2.post(f"{house.url}api/v1/orders", headers=headers, json={"order": "release"})
    assert forbidden.status_code == 401


def test_a_token_that_may_read_may_not_order(house: RunningDashboard) -> None:
    made = house.hems("web", "token", "create", "reader", "--scope", "read")
    token = next(word for word in made.split() if word.startswith("hems_"))
    headers = {"Authorization": f"Bearer {token}"}
    assert httpx2.get(f"{house.url}api/v1/state", headers=headers).status_code == 200
    refused = httpx2.post(f"{house.url}api/v1/orders", headers=headers, json={"order": "release"})
    assert refused.status_code == 403
    assert refused.headers["content-type"] == "application/problem+json"
