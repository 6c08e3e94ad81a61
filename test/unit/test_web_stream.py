"""The stream tells every change once, in order, also to who comes back; of the live state only the newest."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from hems.web import stream as module
from hems.web.stream import KEPT, LIVE_EVENT, RESET_EVENT, Message, Stream


async def take(reader: AsyncIterator[Message | None], count: int) -> list[Message]:
    found: list[Message] = []
    async with asyncio.timeout(2):
        while len(found) < count:
            message = await anext(reader)
            if message is not None:
                found.append(message)
    return found


async def nothing_more(reader: AsyncIterator[Message | None]) -> bool:
    try:
        async with asyncio.timeout(0.05):
            await anext(reader)
    except TimeoutError:
        return True
    return False


async def test_a_new_reader_begins_with_the_newest_live_state() -> None:
    stream = Stream("run")
    for number in range(3):
        stream.publish(LIVE_EVENT, f"{number}")
    reader = stream.read(None)
    assert [message.data for message in await take(reader, 1)] == ["2"]
    stream.publish("decision", "d")
    stream.publish(LIVE_EVENT, "3")
    assert [message.data for message in await take(reader, 2)] == ["d", "3"]
    assert await nothing_more(reader)


async def test_who_comes_back_gets_what_was_missed_once_and_in_order() -> None:
    stream = Stream("run")
    stream.publish(LIVE_EVENT, "old")
    seen = (await take(stream.read(None), 1))[0]
    stream.publish("decision", "first")
    stream.publish(LIVE_EVENT, "passed over")
    stream.publish("alert", "second")
    stream.publish(LIVE_EVENT, "newest")
    reader = stream.read(seen.id)
    assert [message.data for message in await take(reader, 3)] == ["first", "second", "newest"]
    assert await nothing_more(reader)


async def test_who_missed_nothing_gets_nothing() -> None:
    stream = Stream("run")
    stream.publish(LIVE_EVENT, "state")
    seen = (await take(stream.read(None), 1))[0]
    assert await nothing_more(stream.read(seen.id))


@pytest.mark.parametrize("last", ["other-1", "run-99", "run--1", "run-", "", "run-1x", "run-²", "run-9999999999999999"])
async def test_a_number_that_means_nothing_here_begins_anew(last: str) -> None:
    stream = Stream("run")
    stream.publish(LIVE_EVENT, "state")
    found = await take(stream.read(last), 2)
    assert [message.event for message in found] == [RESET_EVENT, LIVE_EVENT]


async def test_who_was_away_for_too_long_begins_anew() -> None:
    stream = Stream("run")
    stream.publish("decision", "0")
    first = (await take(stream.read("run-0"), 1))[0]
    assert first.id == "run-1"
    for number in range(KEPT):
        stream.publish("decision", str(number + 1))
    assert (await take(stream.read("run-1"), 1))[0].data == "1", "just kept"
    stream.publish("decision", "one more")
    assert (await take(stream.read("run-1"), 1))[0].event == RESET_EVENT
    assert (await take(stream.read("run-2"), 1))[0].data == "2"


async def test_every_reader_hears_everything_and_is_counted() -> None:
    stream = Stream("run")
    readers = [stream.read("run-0") for _ in range(3)]
    waiting = [asyncio.create_task(take(reader, 2)) for reader in readers]
    await asyncio.sleep(0)
    assert stream.readers == 3
    stream.publish("decision", "a")
    await asyncio.sleep(0)
    stream.publish("decision", "b")
    for found in await asyncio.gather(*waiting):
        assert [message.data for message in found] == ["a", "b"]
    for reader in readers:
        await reader.aclose()  # type: ignore[attr-defined]  # it is a generator
    assert stream.readers == 0


async def test_closing_lets_every_reader_go() -> None:
    stream = Stream("run")
    reader = stream.read("run-0")
    waiting = asyncio.create_task(take(reader, 1))
    await asyncio.sleep(0)
    stream.close()
    with pytest.raises(StopAsyncIteration):
        await waiting


async def test_silence_is_told_so_that_proxies_keep_the_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "PING_S", 0.01)
    assert await anext(Stream("run").read("run-0")) is None
