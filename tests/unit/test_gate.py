"""How many requests are under way at once."""

import asyncio
import threading

import numpy as np
import pytest
from chat_endpoint import Answer, ChatEndpoint, completion, error
from labeling_setup import openai_annotator

from annotator.labeling.cache import ReplyCache
from annotator.labeling.gate import Gate
from annotator.labeling.protocol import Unit


def send(gate: Gate, outcomes: list[bool]) -> None:
    for turned_away in outcomes:
        gate.note(gate.round, turned_away=turned_away)


def test_single_requests_turned_away_change_nothing() -> None:
    gate, rng = Gate(64), np.random.default_rng(1)
    send(gate, list(rng.random(20_000) < 0.06))
    assert gate.limit == 64


def test_many_halve_the_limit_and_it_grows_again_by_one_a_round() -> None:
    gate = Gate(64)
    send(gate, [True] * 20 + [False] * 44)
    assert gate.limit == 32
    send(gate, [False] * 31)
    assert gate.limit == 32
    send(gate, [False])
    assert gate.limit == 33
    send(gate, [False] * 5000)
    assert gate.limit == 64
    send(gate, [True] * 5000)
    assert gate.limit == 1


def test_what_was_sent_under_an_old_limit_does_not_count() -> None:
    gate = Gate(64)
    old = gate.round
    send(gate, [True] * 64)
    for _ in range(1000):
        gate.note(old, turned_away=True)
    assert gate.limit == 32


def test_no_more_than_the_limit_get_in_and_in_order() -> None:
    gate = Gate(2)
    inside, most, order = 0, 0, []

    async def one(number: int) -> None:
        nonlocal inside, most
        async with gate:
            order.append(number)
            inside += 1
            most = max(most, inside)
            await asyncio.sleep(0.001)
            inside -= 1

    async def all_of_them() -> None:
        tasks = [asyncio.create_task(one(number)) for number in range(20)]
        await asyncio.sleep(0.002)
        for number in (7, 13):
            tasks[number].cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await asyncio.wait_for(one(20), 1)

    asyncio.run(all_of_them())
    assert most == 2
    assert order == [number for number in range(21) if number not in (7, 13)]


@pytest.mark.usefixtures("no_waiting")
def test_an_endpoint_with_room_for_few_is_asked_by_few(cache: ReplyCache) -> None:
    """It turns away whatever comes while four are served; soon hardly any request does."""
    lock, served, turned_away = threading.Lock(), 0, []

    def behave(messages: list[dict[str, str]], _: int) -> Answer:
        nonlocal served
        with lock:
            is_full = served == 4
            turned_away.append(is_full)
            served += not is_full
        if is_full:
            return error(429, retry_after="0.02")
        threading.Event().wait(0.06)
        with lock:
            served -= 1
        return completion("health")

    units = [Unit(str(number), f"text {number}") for number in range(300)]
    with ChatEndpoint(behave) as endpoint:
        annotator = openai_annotator(endpoint.base_url, cache, confidence="none", concurrency=32, attempts=20)
        rows = annotator.label(units)
    assert {row.status for row in rows} == {"ok"}
    assert np.mean(turned_away[:32]) > 0.3
    assert np.mean(turned_away[-150:]) < 0.25
