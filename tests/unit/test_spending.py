"""A hard cap on money: never passed, over threads, processes and restarts."""

import asyncio
import json
import subprocess
import sys
import threading
from pathlib import Path

import pytest
import small_study
from chat_endpoint import Answer, ChatEndpoint, completion
from labeling_setup import PROMPTS, openai_annotator

from annotator.errors import SpendingCapError
from annotator.labeling import tokens
from annotator.labeling.cache import Payment, ReplyCache
from annotator.labeling.endpoint import Request
from annotator.labeling.protocol import Unit
from annotator.labeling.spending import Spending
from annotator.plan.costs import machine_costs
from annotator.stages.ingest import ingest
from annotator.stages.label import label, pending
from annotator.status import machines
from annotator.workspace import Workspace

PRICES = {"price_in": 1e6, "price_out": 1e6}  # one for each token
A_CALL = 12  # tokens, as the endpoint of the tests counts them
UNITS = [Unit(f"u{number}", f"text {number:04}") for number in range(60)]
WORST = tokens.at_most(PROMPTS.label("text 0000")) + 32.0  # the highest cost of a call about one of them

LABELLER = """
import sys
from pathlib import Path
sys.path[:0] = sys.argv[3].split(":")
from labeling_setup import openai_annotator
from annotator.errors import SpendingCapError
from annotator.labeling.cache import ReplyCache
from annotator.labeling.protocol import Unit
first = int(sys.argv[4])
annotator = openai_annotator(
    sys.argv[2], ReplyCache(Path(sys.argv[1])), confidence="none", concurrency=4,
    price_in=1e6, price_out=1e6, max_cost=2000.0,
)
try:
    annotator.label([Unit(f"u{n}", f"text {n:04}") for n in range(first, first + 200)])
except SpendingCapError as error:
    print(error.message)
"""


def health(_: list[dict[str, str]], __: int) -> Answer:
    return completion("health")


def test_labelling_stops_before_the_cap_and_goes_on_when_it_is_raised(cache: ReplyCache) -> None:
    cap = WORST + 20 * A_CALL
    with ChatEndpoint(health) as endpoint:
        options = {"confidence": "none", "concurrency": 8, **PRICES}
        capped = openai_annotator(endpoint.base_url, cache, max_cost=cap, **options)
        with pytest.raises(SpendingCapError, match="max_cost") as caught:
            capped.label(UNITS)
        asked = len(endpoint.requests)
        assert 19 <= asked <= 21
        assert capped.spent == asked * A_CALL
        assert capped.spent + WORST > cap >= capped.spent
        assert (caught.value.exit_code, caught.value.retryable) == (2, False)
        assert "Raise max_cost" in (caught.value.hint or "")
        again = openai_annotator(endpoint.base_url, ReplyCache(cache.path), max_cost=cap, **options)
        with pytest.raises(SpendingCapError):
            again.label(UNITS)
        assert again.calls == 0
        rows = openai_annotator(endpoint.base_url, cache, max_cost=1e6, **options).label(UNITS)
    assert {row.status for row in rows} == {"ok"}
    assert len(endpoint.requests) == len(UNITS)
    assert sum(row.cost for row in rows) == len(UNITS) * A_CALL


def test_no_request_is_sent_that_could_pass_the_cap(cache: ReplyCache) -> None:
    """At every moment the replies so far, and the worst that those under way may cost, are within the cap."""
    units = [Unit(f"u{number}", f"text {number:04}") for number in range(2000)]
    cap, lock = 5 * WORST, threading.Lock()
    under_way, answered, most = 0, 0, 0.0

    def behave(_: list[dict[str, str]], __: int) -> Answer:
        nonlocal under_way, most
        with lock:
            under_way += 1
            most = max(most, answered * A_CALL + under_way * WORST)
        threading.Event().wait(0.01)
        return health([], 1)

    with ChatEndpoint(behave) as endpoint:
        done = endpoint.done

        def note() -> None:
            nonlocal under_way, answered
            with lock:
                under_way, answered = under_way - 1, answered + 1
            done()

        endpoint.done = note  # type: ignore[method-assign]
        options = {"confidence": "none", "concurrency": 32, "max_cost": cap, **PRICES}
        with pytest.raises(SpendingCapError):
            openai_annotator(endpoint.base_url, cache, **options).label(units)
    assert 0 < most <= cap


def test_processes_share_the_cap(tmp_path: Path) -> None:
    path = tmp_path / "replies.sqlite"
    places = ":".join(entry for entry in sys.path if entry)
    with ChatEndpoint(health) as endpoint:
        labellers = [
            subprocess.Popen(
                [sys.executable, "-c", LABELLER, str(path), endpoint.base_url, places, str(first)],
                stdout=subprocess.PIPE,
                text=True,
            )
            for first in (0, 200)
        ]
        said = [labeller.communicate(timeout=120)[0] for labeller in labellers]
        spent = len(endpoint.requests) * A_CALL
    assert all("max_cost" in text for text in said)
    assert 2000 - WORST - 10 < spent <= 2000
    cache = ReplyCache(path)
    assert sum(cache.spent("gpt")) == spent
    cache.close()


def test_what_a_killed_process_set_aside_is_free_again(cache: ReplyCache) -> None:
    cache.put("k", {}, payment=Payment("gpt", 100, 0))
    with cache.database.connected() as connection:
        gone = subprocess.Popen([sys.executable, "-c", ""])
        gone.wait()
        row = ("gpt", 850.0, gone.pid, 1.0)
        connection.execute("INSERT INTO held (annotator, cost, process, started) VALUES (?, ?, ?, ?)", row)
    spending = Spending(cache, "gpt", price_in=1.0, price_out=1.0, cap=1000.0)

    async def one() -> None:
        async with spending.room(Request([{"role": "user", "content": "x" * 800}], {}, 32)):
            pass

    asyncio.run(one())
    with cache.database.connected() as connection:
        assert connection.execute("SELECT count(*) FROM held").fetchone() == (0,)


def test_an_endpoint_that_does_not_count_is_taken_to_cost_the_most(cache: ReplyCache) -> None:
    body = json.loads(completion("health").body)
    silent = Answer(json.dumps({**body, "usage": None}).encode())
    with ChatEndpoint(lambda *_: silent) as endpoint:
        capped = openai_annotator(
            endpoint.base_url, cache, confidence="none", max_cost=4.5 * WORST, concurrency=1, **PRICES
        )
        with pytest.raises(SpendingCapError):
            capped.label(UNITS)
        assert len(endpoint.requests) == 4
    assert capped.spent <= 4.5 * WORST


def test_pruned_and_replaced_replies_stay_counted(cache: ReplyCache) -> None:
    for _ in range(2):
        cache.put("k", {"n": 1}, model="m", payment=Payment("gpt", 10, 2), replace=True)
    assert cache.prune() == 1
    assert cache.spent("gpt") == (20, 4)
    assert cache.spent("other") == (0, 0)


@pytest.mark.usefixtures("no_waiting")
def test_a_study_keeps_whole_shards_and_says_what_it_spent(tmp_path: Path) -> None:
    with ChatEndpoint(lambda *_: completion("left")) as endpoint:
        machine = {
            "name": "gpt",
            "kind": "openai",
            "model": "m",
            "base_url": endpoint.base_url,
            "confidence": "none",
            "price_in": 1e6,
            "max_cost": 8_000,
        }
        path = small_study.write(tmp_path, small_study.corpus(1200), machine=[machine])
        workspace = Workspace.open(path)
        ingest(workspace)
        with pytest.raises(SpendingCapError, match=r"700 of 1,200 units") as caught:
            label(workspace)
        assert "spent 7," in caught.value.message
        asked = len(endpoint.requests)
        assert asked * 10 <= 8_000
        assert [part.index for part in pending(workspace)] == [1, 2]
        (row,) = machines(workspace).to_dict("records")
        assert (row["n_labelled"], row["spent"], row["max_cost"]) == (500, asked * 10, 8_000)
        (cost,) = machine_costs(workspace, workspace.units["text"])
        assert cost.max_cost == 8_000
        small_study.write(tmp_path, small_study.corpus(1200), machine=[{**machine, "max_cost": 20_000}])
        label(Workspace.open(path))
        assert len(endpoint.requests) == 1200
