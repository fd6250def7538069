"""A key that its endpoint repeats wherever it can is in no output, log, artifact, cache or database."""

import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import small_study
from batch_provider import BatchProvider
from chat_endpoint import Answer, completion, error
from prefect.blocks.system import Secret
from prefect.client.orchestration import get_client
from prefect.settings import get_current_settings
from typer.testing import CliRunner

from annotator.advance import advance as advance_here
from annotator.cli import app
from annotator.errors import StudyError
from annotator.state import next_step
from annotator.workspace import Workspace
from flows.advance import advance

pytestmark = pytest.mark.integration

KEY = "sk-RECOGNISABLE-0123456789abcdef"
BLOCK = "key-of-the-tests"


def repeats_the_key(messages: list[dict[str, str]], times: int) -> Answer:
    """Answers with the key in labels, in confidences, in errors of a text and in passing ones."""
    if "text number" not in messages[1]["content"]:
        return completion("left")
    number = int(messages[1]["content"].split("text number ")[1].split()[0])
    if number % 10 == 1:
        return error(400, f"bad request with key {KEY}")
    if number % 10 == 2 and times == 1:
        return error(503, f"busy, says {KEY}")
    if number % 10 == 3:
        return completion(f"left {KEY}")
    return completion(f"80 {KEY}" if len(messages) > 2 else "left")


def study(folder: Path, provider: BatchProvider, **changes: Any) -> Path:
    remote = {"kind": "openai", "model": "m", "base_url": provider.base_url, "api_key_block": BLOCK}
    machine = [
        {**remote, "name": "direct", "attempts": 3, "canary": 5},
        {**remote, "name": "batched", "attempts": 2, "batch": True, "canary": 5},
    ]
    settings = {"machine": machine, "design": {"rounds": 1, "budget": 10}, **changes}
    return small_study.write(folder, small_study.corpus(80), **settings)


def everything_in(folder: Path) -> dict[str, bytes]:
    return {str(path): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def everything_at_prefect() -> dict[str, str]:
    """Logs, artifacts, runs and states, as the server gives them."""
    time.sleep(5)  # logs are sent now and then
    with get_client(sync_client=True) as client:
        asked = {
            path: client.request("POST", path, json={"limit": 200}).text
            for path in ("/logs/filter", "/artifacts/filter", "/flow_runs/filter", "/task_runs/filter")
        }
    assert "may be another" in asked["/artifacts/filter"] or "canary" in asked["/artifacts/filter"]
    assert "label shard 0 with direct" in asked["/task_runs/filter"]
    assert "Finished in state" in asked["/logs/filter"]
    return asked


def database() -> Path:
    url = get_current_settings().server.database.connection_url
    assert url is not None
    return Path(url.get_secret_value().partition("///")[2])


@pytest.fixture
def said(
    capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> Callable[[], str]:
    """Whatever was printed and logged, at every level."""
    caplog.set_level("DEBUG")
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    return lambda: "".join(capfd.readouterr()) + caplog.text


@pytest.mark.parametrize("kind", ["threads", "dask"])
def test_the_key_of_a_secret_block_appears_nowhere(
    tmp_path: Path,
    prefect: None,
    said: Callable[[], str],
    kind: str,
) -> None:
    Secret(value=KEY).save(BLOCK, overwrite=True)
    with BatchProvider(repeats_the_key) as provider:
        path = study(tmp_path / "study", provider, runner={"kind": kind, "workers": 2})
        for _ in range(8):
            state = advance(path, return_state=True)
            assert state.is_completed(), state.message
            if not provider.batches or next_step(Workspace.open(path)).stage == "done":
                break
            provider.work()
        assert next_step(Workspace.open(path)).stage == "done"
        assert f"Bearer {KEY}" in provider.authorizations

        provider.behave = lambda *_: error(401, f"{KEY} is not accepted")
        refused = study(tmp_path / "refused", provider, name="refused")
        for _ in range(4):
            state = advance(refused, return_state=True)
            provider.fail(f"{KEY} may not be used")
        assert state.is_failed()
        assert "[key] is not accepted" in str(state.message) + str(state.result(raise_on_failure=False))
    shown = CliRunner().invoke(app, ["status", str(path), "--json"]).output
    places: dict[str, bytes | str] = {
        **everything_in(tmp_path),
        **everything_at_prefect(),
        **everything_in(database().parent),
        "output and log": said(),
        "status": shown,
        "environment": str(dict(os.environ)),
    }
    assert any("replies.sqlite" in place for place in places)
    assert any("batch.json" in place for place in places)
    assert any(place.endswith(".db") for place in places)
    found = [
        place
        for place, content in places.items()
        if (KEY.encode() if isinstance(content, bytes) else KEY) in content  # type: ignore[operator]
    ]
    assert found == []
    rows = Workspace.open(path).machine_labels("direct")
    assert rows["raw"].str.contains("[key]", regex=False).sum() > 20


def test_a_command_says_that_only_flows_read_blocks(tmp_path: Path) -> None:
    with BatchProvider(repeats_the_key) as provider:
        path = study(tmp_path, provider)
        advance_here(Workspace.open(path))
        with pytest.raises(StudyError, match=f"secret block '{BLOCK}'"):
            advance_here(Workspace.open(path))
        assert provider.requests == []


def test_a_block_that_is_not_there_is_told(tmp_path: Path, prefect: None) -> None:
    with BatchProvider(repeats_the_key) as provider:
        remote = {"kind": "openai", "model": "m", "base_url": provider.base_url, "name": "direct"}
        path = study(tmp_path, provider, machine=[{**remote, "api_key_block": "nobodys"}])
        state = advance(path, return_state=True)
    assert state.is_failed()
    assert "no Secret block 'nobodys'" in str(state.message)
