"""Workers that ask the same at the same moment pay once, and a killed one leaves nothing behind."""

import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psutil
import pytest
from chat_endpoint import Answer, ChatEndpoint
from labeling_setup import UNITS, knows, openai_annotator

from annotator.labeling.cache import ReplyCache
from annotator.labeling.protocol import MachineLabel, Unit

pytestmark = pytest.mark.usefixtures("no_waiting")


def slowly(messages: list[dict[str, str]], times: int) -> Answer:
    time.sleep(0.3)
    return knows(messages, times)


def same_text(worker: int) -> list[Unit]:
    return [Unit(f"{worker}-{number}", UNITS[0].text) for number in range(3)]


def test_workers_that_ask_the_same_pay_once(tmp_path: Path) -> None:
    with ChatEndpoint(slowly) as endpoint, ThreadPoolExecutor(4) as workers:

        def label(worker: int) -> list[MachineLabel]:
            cache = ReplyCache(tmp_path / "replies.sqlite")
            annotator = openai_annotator(endpoint.base_url, cache, shared=True, price_in=1.0)
            rows = annotator.label(same_text(worker))
            cache.close()
            return rows

        found = [row for rows in workers.map(label, range(4)) for row in rows]
    assert len(endpoint.requests) == 2
    assert {(row.label, row.confidence) for row in found} == {("health", 0.9)}
    assert sum(row.cost for row in found) == pytest.approx(20 / 1e6)


def test_what_a_killed_worker_had_claimed_is_asked_for(cache: ReplyCache) -> None:
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as worker:
        started = psutil.Process(worker.pid).create_time()
        worker.kill()
    with ChatEndpoint(knows) as endpoint:
        openai_annotator(endpoint.base_url, cache, shared=True).label(UNITS[:1])
        with cache.database.connected() as connection:
            keys = [key for (key,) in connection.execute("SELECT key FROM replies").fetchall()]
            connection.execute("DELETE FROM replies")
            marks = [(key, worker.pid, started) for key in keys]
            connection.executemany("INSERT INTO claims VALUES (?, ?, ?)", marks)
        (row,) = openai_annotator(endpoint.base_url, cache, shared=True).label(UNITS[:1])
        with cache.database.connected() as connection:
            assert connection.execute("SELECT count(*) FROM claims").fetchone() == (0,)
    assert row.label == "health"
    assert len(endpoint.requests) == 4


def test_a_claim_ends_with_a_failure(cache: ReplyCache) -> None:
    with ChatEndpoint(lambda *_: Answer(b"[]")) as endpoint:
        (row,) = openai_annotator(endpoint.base_url, cache, shared=True, attempts=2).label(UNITS[:1])
    assert row.status == "unparsable"
    with cache.database.connected() as connection:
        assert connection.execute("SELECT count(*) FROM claims").fetchone() == (0,)
