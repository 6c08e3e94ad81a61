"""Files of the past: in pieces, only some at a time, and a reader that leaves makes room."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import cast

import pytest

from hems.web.problems import Problem
from hems.web.routes import history


async def test_every_line_arrives_in_few_pieces() -> None:
    lines = [f"{number}\r\n" for number in range(2500)]
    pieces = [piece async for piece in history._csv(iter(lines), "history").body_iterator]
    assert len(pieces) == 3
    assert "".join(str(piece) for piece in pieces) == "".join(lines)


async def test_only_some_are_fetched_at_a_time_and_a_reader_that_leaves_makes_room() -> None:
    fetched: list[AsyncIterator[str]] = []
    for _ in range(history.DOWNLOADS_AT_ONCE):
        answer = history._csv(iter(["a"] * 5000), "history")
        fetched.append(cast("AsyncIterator[str]", answer.body_iterator))
        await anext(fetched[-1])
    with pytest.raises(Problem, match="try again") as refused:
        history._csv(iter(["a"]), "history")
    assert refused.value.status == 503
    del fetched[0], answer  # as when its connection is lost
    await asyncio.sleep(0.1)
    assert [piece async for piece in history._csv(iter(["a"]), "history").body_iterator] == ["a"]
    fetched.clear()
    await asyncio.sleep(0.1)
    assert not history._downloads
