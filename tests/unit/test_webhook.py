"""Webhooks without servers: tokens, addresses, and how many runs a flood of reports starts."""

import asyncio
import base64
import itertools
import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import httpx
import pytest
import small_study
from local_server import answering
from starlette.testclient import TestClient

from annotator.errors import ServiceError, StudyError
from annotator.services.folder import ProcessRecord, Record, ServicesFolder
from annotator.webhook.address import SECRET_VARIABLE, Webhook, token, webhook
from annotator.webhook.receiver import receiver
from annotator.webhook.ringing import Prefect, Ringing
from annotator.workspace import Workspace


class FakePrefect(Prefect):
    """Counts, knows all studies but one, and can be busy, away or mute for a number of calls."""

    def __init__(self, *, busy: int = 0, away: int = 0, mute: int = 0) -> None:
        super().__init__("http://127.0.0.1:1/api")
        self.runs: list[str] = []
        self.times: list[float] = []
        self.keys: set[str] = set()
        self.busy, self.away, self.mute = busy, away, mute

    async def find(self, study: str) -> str | None:
        if self.away:
            self.away -= 1
            raise httpx.ConnectError("nobody there")
        return None if study == "stranger" else study

    async def is_busy(self, deployment: str) -> bool:
        del deployment
        self.busy -= 1
        return self.busy >= 0

    async def run(self, deployment: str, key: str) -> None:
        if key not in self.keys:
            self.runs.append(deployment)
            self.times.append(time.monotonic())
            self.keys.add(key)
        if self.mute:
            self.mute -= 1
            raise httpx.ReadTimeout("no answer")


async def settled(ringing: Ringing) -> None:
    """Until no report waits for its run any more; a minute is far more than any test needs."""
    await asyncio.wait_for(asyncio.gather(*ringing._waiting.values()), 60)


async def play(prefect: FakePrefect, studies: list[str], *, every: float = 0.1) -> list[str]:
    ringing = Ringing(prefect, every=every, delay=0.01)
    for study in studies:
        ringing.ring(study)
    await settled(ringing)
    return prefect.runs


def test_a_flood_starts_one_run_a_study() -> None:
    assert asyncio.run(play(FakePrefect(), ["one", "two"] * 50)) == ["one", "two"]


def test_a_report_after_a_run_starts_another_but_not_at_once() -> None:
    async def scene() -> list[float]:
        prefect = FakePrefect()
        ringing = Ringing(prefect, every=0.3, delay=0.01)
        ringing.ring("one")
        await settled(ringing)
        for _ in range(10):
            ringing.ring("one")
        await settled(ringing)
        return prefect.times

    first, second = asyncio.run(scene())
    assert second - first >= 0.3


def test_a_run_at_work_is_followed_by_one_more() -> None:
    prefect = FakePrefect(busy=2)
    began = time.monotonic()
    assert asyncio.run(play(prefect, ["one"], every=0.1)) == ["one"]
    assert prefect.busy == -1, "it was asked until the run had ended"
    assert time.monotonic() - began >= 0.2


def test_a_prefect_that_is_away_is_asked_again() -> None:
    assert asyncio.run(play(FakePrefect(away=2), ["one"])) == ["one"]


def test_a_prefect_that_failed_once_is_asked_again_soon() -> None:
    assert asyncio.run(play(FakePrefect(away=1), ["one"], every=600)) == ["one"]


def test_a_run_whose_acknowledgement_was_lost_is_not_asked_for_twice() -> None:
    prefect = FakePrefect(mute=2)
    assert asyncio.run(play(prefect, ["one"])) == ["one"]
    assert prefect.mute == 0


@pytest.mark.parametrize("n_reports", [0, 3])
def test_what_is_reported_while_an_acknowledgement_is_lost_is_looked_at(n_reports: int) -> None:
    async def scene() -> list[float]:
        prefect = FakePrefect(mute=1)
        ringing = Ringing(prefect, every=0.4, delay=0.01)
        ringing.ring("one")
        while not prefect.runs:  # the run is there, and nobody knows
            await asyncio.sleep(0.01)
        for _ in range(n_reports):
            ringing.ring("one")
        await settled(ringing)
        return prefect.times

    times = asyncio.run(scene())
    assert len(times) == (2 if n_reports else 1)
    assert all(later - earlier >= 0.4 for earlier, later in itertools.pairwise(times))


@contextmanager
def giving(*answers: tuple[int, str]) -> Iterator[tuple[str, list[tuple[str, str | None]]]]:
    """A real server's host and port, and what it was asked: it gives these answers, the last one for ever."""
    left, seen = list(answers), list[tuple[str, str | None]]()

    def respond(request: BaseHTTPRequestHandler) -> tuple[int, bytes]:
        seen.append((request.path, request.headers.get("authorization")))
        status, body = left.pop(0) if len(left) > 1 else left[0]
        return status, body.encode()

    with answering(respond) as address:
        yield address.removeprefix("http://"), seen


async def ring_once(api_url: str) -> None:
    prefect = Prefect(api_url)
    ringing = Ringing(prefect, every=0.1, delay=0.01)
    ringing.ring("one")
    await settled(ringing)
    await prefect.close()


@pytest.mark.parametrize(
    "failure",
    [(200, "<html>hello</html>"), (200, '{"detail": "log in"}'), (200, "[]"), (200, "null"), (502, "")],
)
@pytest.mark.parametrize("n_good", [0, 1])
def test_an_answer_that_is_not_prefects_is_a_failure_like_any_other(
    caplog: pytest.LogCaptureFixture, failure: tuple[int, str], n_good: int
) -> None:
    found = (200, '{"id": "d"}')
    answers = [*[found] * n_good, failure, found, (200, "0"), (201, "{}")]
    with caplog.at_level(logging.WARNING, "annotator"), giving(*answers) as (place, seen):
        asyncio.run(ring_once(f"http://me:hush@{place}/api"))
    paths = [path for path, _ in seen]
    assert paths.count("/api/deployments/d/create_flow_run") == 1
    assert "advance/one could not be started" in caplog.text
    assert "hush" not in caplog.text
    assert {said for _, said in seen} == {"Basic " + base64.b64encode(b"me:hush").decode()}


def test_a_receiver_before_something_else_than_prefect_says_so() -> None:
    ours = Webhook("", token("a word", "one"))
    with giving((200, "<html>hello</html>")) as (place, _):
        app = receiver("a word", Prefect(f"http://{place}/api"), every=60)
        with TestClient(app) as client:
            assert client.get("/studies/one", headers=ours.headers).status_code == 503


@pytest.mark.parametrize("answer", ["<html>hello</html>", "{}", "[]", '{"deployed": "yes"}'])
def test_a_webhook_where_something_else_answers_is_found_out(answer: str) -> None:
    with giving((200, answer)) as (place, _), pytest.raises(ServiceError) as caught:
        Webhook(f"http://me:hush@{place}/studies/one", "token").check()
    assert caught.value.message == f"http://{place}/studies/one answers, but is no `annotator listen`"
    assert "coding.webhook" in (caught.value.hint or "")


def test_a_study_that_is_not_deployed_is_let_be() -> None:
    assert asyncio.run(play(FakePrefect(), ["stranger"])) == []


def test_a_token_opens_its_own_study_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(SECRET_VARIABLE, "a word")
    coding = {
        "kind": "label_studio",
        "url": "https://label.example.org",
        "webhook": "https://hook.example.org/x/",
    }
    ours = webhook(Workspace.open(small_study.write(tmp_path / "1", name="ours", coding=coding)).study)
    theirs = webhook(Workspace.open(small_study.write(tmp_path / "2", name="theirs", coding=coding)).study)
    assert ours is not None
    assert theirs is not None
    assert ours.url == "https://hook.example.org/x/studies/ours"
    assert ours.token not in repr(ours)
    with TestClient(receiver("a word", FakePrefect(), every=60)) as client:
        assert client.get("/studies/ours", headers=ours.headers).json() == {"deployed": True}
        assert client.post("/studies/ours", headers=ours.headers).status_code == 202
        assert client.post("/studies/ours", headers=theirs.headers).status_code == 401
        assert client.post("/studies/ours").status_code == 401
        assert client.get("/health").json() == {"status": "UP"}
        assert client.delete("/studies/ours", headers=ours.headers).status_code == 405
    with TestClient(receiver("another word", FakePrefect(), every=60)) as client:
        assert client.post("/studies/ours", headers=ours.headers).status_code == 401


def test_a_receiver_elsewhere_needs_its_secret(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(SECRET_VARIABLE, raising=False)
    coding = {"kind": "label_studio", "webhook": "https://hook.example.org"}
    study = Workspace.open(small_study.write(tmp_path, coding=coding)).study
    with pytest.raises(StudyError, match=r"coding\.webhook") as caught:
        webhook(study)
    assert SECRET_VARIABLE in (caught.value.hint or "")


def test_the_local_receiver_is_for_the_local_label_studio(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = ServicesFolder(tmp_path)
    folder.create()
    monkeypatch.setenv("ANNOTATOR_SERVICES", str(tmp_path))
    running = {
        name: ProcessRecord(pid=1, create_time=0.0, port=port)
        for name, port in (("label-studio", 8080), ("prefect", 4200), ("webhook-receiver", 4210))
    }

    def found(**coding: object) -> str | None:
        path = small_study.write(tmp_path / "study", coding={"kind": "label_studio", **coding})
        reports = webhook(Workspace.open(path).study)
        return None if reports is None else reports.url

    folder.write(Record(processes={"label-studio": running["label-studio"]}))
    assert found() is None
    folder.write(Record(processes=running))
    assert found() == "http://127.0.0.83:4210/studies/small"
    assert found(url="http://127.0.0.1:8080") == "http://127.0.0.83:4210/studies/small"
    assert found(url="https://label.example.org") is None
    assert (folder.path / "webhook-secret").stat().st_mode & 0o077 == 0


def test_an_address_without_a_scheme_is_refused(tmp_path: Path) -> None:
    with pytest.raises(StudyError, match="webhook"):
        Workspace.open(small_study.write(tmp_path, coding={"kind": "label_studio", "webhook": "hook:4210"}))
