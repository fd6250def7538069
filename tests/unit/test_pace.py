"""Requests and tokens a minute."""

import asyncio
import subprocess
import sys
import time
from pathlib import Path

import pytest
from chat_endpoint import Answer, ChatEndpoint, completion
from labeling_setup import openai_annotator

from annotator.labeling import tokens
from annotator.labeling.cache import ReplyCache
from annotator.labeling.database import Database
from annotator.labeling.pace import BURST_SECONDS, Pace
from annotator.labeling.protocol import Unit

TAKER = """
import asyncio, sys, time
from pathlib import Path
from annotator.labeling.database import Database
from annotator.labeling.pace import Pace

async def take():
    pace = Pace(Database(Path(sys.argv[1])), "requests", 1200)
    for _ in range(15):
        await pace.take()
        print(time.time(), flush=True)

asyncio.run(take())
"""


def test_no_limit_no_waiting_and_no_file(tmp_path: Path) -> None:
    asyncio.run(Pace(Database(tmp_path / "pace.sqlite"), "requests", None).take(1e9))
    assert not (tmp_path / "pace.sqlite").exists()


def test_what_was_taken_is_waited_for(tmp_path: Path) -> None:
    waits: list[float] = []

    async def note(seconds: float) -> None:
        waits.append(seconds)

    async def take() -> None:
        pace = Pace(Database(tmp_path / "pace.sqlite"), "tokens", 600, note)
        for _ in range(3):
            await pace.take(100)
        pace.correct(-50)
        await pace.take(100)

    asyncio.run(take())
    expected = [0, 10 - BURST_SECONDS, 20 - BURST_SECONDS, 25 - BURST_SECONDS]
    assert waits == pytest.approx(expected, abs=0.2)


def test_processes_share_the_pace(tmp_path: Path) -> None:
    command = [sys.executable, "-c", TAKER, str(tmp_path / "pace.sqlite")]
    takers = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(2)]
    times = sorted(float(line) for taker in takers for line in taker.communicate()[0].split())
    assert len(times) == 30
    allowed = 1200 / 60 * (times[-1] - times[0] + BURST_SECONDS) + 1
    assert len(times) <= allowed + 1


def test_an_endpoint_is_asked_at_the_pace_it_bears(cache: ReplyCache) -> None:
    times: list[float] = []

    def behave(_: list[dict[str, str]], __: int) -> Answer:
        times.append(time.monotonic())
        return completion("health")

    units = [Unit(str(number), f"text {number}") for number in range(40)]
    with ChatEndpoint(behave) as endpoint:
        annotator = openai_annotator(
            endpoint.base_url, cache, confidence="none", concurrency=32, requests_per_minute=2400
        )
        annotator.label(units)
    seconds = max(times) - min(times)
    # On a busy machine the first may arrive late, so that all come within less time than they were sent.
    assert seconds >= (40 - 1) / 40 - BURST_SECONDS - 0.25


def test_tokens_count_as_the_endpoint_says_once_it_does(cache: ReplyCache) -> None:
    """Ten tokens in and two out a call, whatever was thought before; so 20 calls take 240 tokens."""
    units = [Unit(str(number), f"text {number} " + "word " * 100) for number in range(20)]
    with ChatEndpoint(lambda *_: completion("health")) as endpoint:
        annotator = openai_annotator(
            endpoint.base_url, cache, confidence="none", concurrency=1, tokens_per_minute=12_000
        )
        started = time.monotonic()
        annotator.label(units)
        seconds = time.monotonic() - started
        thought = sum(tokens.about(request["messages"]) + 32 for request in endpoint.requests)
    assert thought > 20 * 150
    assert 20 * 12 / 200 - BURST_SECONDS - 0.2 <= seconds < thought / 200 / 2
