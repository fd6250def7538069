"""Webhooks without servers: tokens, addresses, and how many runs a flood of reports starts."""

import asyncio
from pathlib import Path

import httpx
import pytest
import small_study
from starlette.testclient import TestClient

from annotator.errors import StudyError
from annotator.services.folder import ProcessRecord, Record, ServicesFolder
from annotator.webhook.address import SECRET_VARIABLE, webhook
from annotator.webhook.receiver import receiver
from annotator.webhook.ringing import Prefect, Ringing
from annotator.workspace import Workspace


class FakePrefect(Prefect):
    """Counts, knows all studies but one, and can be busy, away or mute for a number of calls."""

    def __init__(self, *, busy: int = 0, away: int = 0, mute: int = 0) -> None:
        super().__init__("http://127.0.0.1:1/api")
        self.runs: list[str] = []
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
            self.keys.add(key)
        if self.mute:
            self.mute -= 1
            raise httpx.ReadTimeout("no answer")


async def play(prefect: FakePrefect, studies: list[str], seconds: float, *, every: float = 0.2) -> list[str]:
    ringing = Ringing(prefect, every=every, delay=0.01)
    for study in studies:
        ringing.ring(study)
        await asyncio.sleep(0)
    await asyncio.sleep(seconds)
    return prefect.runs


def test_a_flood_starts_one_run_a_study() -> None:
    assert asyncio.run(play(FakePrefect(), ["one", "two"] * 50, 0.1)) == ["one", "two"]


def test_a_report_after_a_run_starts_another_but_not_at_once() -> None:
    async def scene() -> tuple[int, int]:
        prefect = FakePrefect()
        ringing = Ringing(prefect, every=0.3, delay=0.01)
        ringing.ring("one")
        await asyncio.sleep(0.1)
        for _ in range(10):
            ringing.ring("one")
        await asyncio.sleep(0.1)
        early = len(prefect.runs)
        await asyncio.sleep(0.4)
        return early, len(prefect.runs)

    assert asyncio.run(scene()) == (1, 2)


def test_a_run_at_work_is_followed_by_one_more() -> None:
    assert asyncio.run(play(FakePrefect(busy=2), ["one"], 0.05, every=0.1)) == []
    assert asyncio.run(play(FakePrefect(busy=2), ["one"], 0.5, every=0.1)) == ["one"]


def test_a_prefect_that_is_away_is_asked_again() -> None:
    assert asyncio.run(play(FakePrefect(away=2), ["one"], 0.5, every=0.1)) == ["one"]


def test_a_prefect_that_failed_once_is_asked_again_soon() -> None:
    assert asyncio.run(play(FakePrefect(away=1), ["one"], 1.5, every=600)) == ["one"]


def test_a_run_whose_acknowledgement_was_lost_is_not_asked_for_twice() -> None:
    prefect = FakePrefect(mute=2)
    assert asyncio.run(play(prefect, ["one"], 0.5, every=0.1)) == ["one"]
    assert prefect.mute == 0


def test_a_study_that_is_not_deployed_is_let_be() -> None:
    assert asyncio.run(play(FakePrefect(), ["stranger"], 0.3, every=0.1)) == []


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
