"""The loop on a real Label Studio and a real Prefect: crashes, servers that are away, flows on a worker."""

import os
import socket
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pandas as pd
import pytest
import small_study
import yaml
from killed import advance_killed

from annotator.advance import advance
from annotator.coding.accounts import ensure_account
from annotator.coding.build import build
from annotator.coding.label_studio import LabelStudio
from annotator.coding.label_studio_client import pauses
from annotator.coding.simulated import SimulatedCoder, code_all
from annotator.deploy import deploy
from annotator.errors import ServiceUnavailableError
from annotator.services import Services
from annotator.state import Step, next_step
from annotator.status import status
from annotator.workspace import Workspace, codes, gold, ledger, tasks

pytestmark = pytest.mark.integration

CODING = {"kind": "label_studio", "overlap": 0.2, "blind": True}
DESIGN = {"rounds": 2, "budget": 24}
PASSWORD = "coder-password-1"


def truth() -> Mapping[str, str]:
    frame = small_study.corpus()
    return dict(zip(frame["id"], frame["human"], strict=True))


def code(workspace: Workspace, services: Services) -> None:
    """Two simulated coders code whatever waits for them, nearly without error."""
    service = build(workspace)
    assert isinstance(service, LabelStudio)
    coders = []
    for number in (1, 2):
        email = f"loop{number}@example.com"
        ensure_account(services.label_studio_url, services.credentials().token, email, PASSWORD)
        coders.append(
            SimulatedCoder(
                services.label_studio_url,
                email,
                PASSWORD,
                answers=truth(),
                error_rate=0.0,
                codebook=workspace.study.codebook,
                rng=np.random.default_rng(number),
            )
        )
    code_all(coders, service.project_id)


def advance_until_waiting(path: Path) -> Workspace:
    while not (outcome := advance(Workspace.open(path))).is_last:
        pass
    assert outcome.waiting
    return Workspace.open(path)


def test_the_loop_with_coders_in_label_studio(tmp_path: Path, label_studio: Services) -> None:
    path = small_study.write(tmp_path, coding=CODING, design=DESIGN, name="loop")
    for number in (1, 2):
        workspace = advance_until_waiting(path)
        assert next_step(workspace) == Step("collect", number)
        address = status(workspace).coding_address
        assert address is not None
        assert address.startswith(label_studio.label_studio_url)
        code(workspace, label_studio)
    while advance(Workspace.open(path)).step.stage != "done":
        pass
    workspace = Workspace.open(path)
    for number in (1, 2):
        given = workspace.store.read_frame(codes(number))
        assert not given.duplicated(["unit_id", "coder"]).any()
        overlap = workspace.store.read_frame(tasks(number)).set_index("unit_id")["overlap"]
        assert given.groupby("unit_id").size().reindex(overlap.index).ge(overlap).all()
        labels = workspace.store.read_frame(gold(number))
        assert labels["label"].tolist() == [truth()[unit] for unit in labels["unit_id"]]
    assert {row["coder"] for row in status(workspace).coders.to_dict("records")} == {
        "loop1@example.com",
        "loop2@example.com",
    }


def test_killed_between_import_and_record_no_task_is_doubled(tmp_path: Path, label_studio: Services) -> None:
    path = small_study.write(tmp_path, coding=CODING, design=DESIGN, name="killed-send")
    while next_step(Workspace.open(path)).stage != "send":
        advance(Workspace.open(path))
    for _ in range(2):
        advance_killed(path)
    ledger_before = Workspace.open(path).store.read_bytes(ledger(1))
    workspace = advance_until_waiting(path)
    assert workspace.store.read_bytes(ledger(1)) == ledger_before
    service = build(workspace)
    assert isinstance(service, LabelStudio)
    with httpx.Client(base_url=label_studio.label_studio_url, timeout=60, trust_env=False) as client:
        project = client.get(
            f"/api/projects/{service.project_id}",
            headers={"Authorization": f"Token {label_studio.credentials().token}"},
        ).json()
    assert project["task_number"] == 12
    assert workspace.store.read_frame(tasks(1))["unit_id"].is_unique


def test_a_task_deleted_by_hand_is_made_again(tmp_path: Path, label_studio: Services) -> None:
    workspace = advance_until_waiting(
        small_study.write(tmp_path, coding=CODING, design=DESIGN, name="deleted-task")
    )
    lost = workspace.store.read_frame(tasks(1)).iloc[0]
    with httpx.Client(base_url=label_studio.label_studio_url, timeout=60, trust_env=False) as client:
        headers = {"Authorization": f"Token {label_studio.credentials().token}"}
        client.delete(f"/api/tasks/{lost['task_id']}/", headers=headers).raise_for_status()
    advance(workspace)
    again = workspace.store.read_frame(tasks(1)).set_index("unit_id")
    assert len(again) == 12
    assert again.loc[lost["unit_id"], "task_id"] != lost["task_id"]


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def test_label_studio_away_is_told_and_resumed(
    tmp_path: Path, label_studio: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    away = {**CODING, "url": f"http://127.0.0.1:{free_port()}"}
    path = small_study.write(tmp_path, coding=away, design=DESIGN, name="away")
    monkeypatch.setenv("LABEL_STUDIO_API_KEY", label_studio.credentials().token)
    while next_step(Workspace.open(path)).stage != "send":
        advance(Workspace.open(path))
    with pytest.raises(ServiceUnavailableError) as caught:
        advance(Workspace.open(path))
    assert caught.value.retryable
    assert label_studio.credentials().token not in str(caught.value)
    small_study.write(tmp_path, coding=CODING, design=DESIGN, name="away")
    assert next_step(advance_until_waiting(path)) == Step("collect", 1)

    code(Workspace.open(path), label_studio)
    small_study.write(tmp_path, coding=away, design=DESIGN, name="away")
    with pytest.raises(ServiceUnavailableError):
        advance(Workspace.open(path))
    assert next_step(Workspace.open(path)) == Step("collect", 1)
    small_study.write(tmp_path, coding=CODING, design=DESIGN, name="away")
    advance(Workspace.open(path))
    assert next_step(Workspace.open(path)) == Step("close_round", 1)


class Prefect:
    """The Prefect server of the test session, by its REST interface."""

    def __init__(self, services: Services) -> None:
        assert services.prefect_api_url is not None
        self._api_url = services.prefect_api_url

    def get(self, path: str) -> Any:
        return httpx.get(f"{self._api_url}{path}", timeout=60, trust_env=False).raise_for_status().json()

    def post(self, path: str, body: object) -> Any:
        """The answer; 503 is how a server on SQLite puts off one of two at the same moment."""
        for pause in pauses(60.0):
            answer = httpx.post(f"{self._api_url}{path}", json=body, timeout=60, trust_env=False)
            if answer.status_code != 503:
                break
            time.sleep(pause)
        return answer.raise_for_status().json()

    def run(self, deployment: str, **parameters: object) -> dict[str, Any]:
        """Run a deployment on the worker and wait for its end; again where a webhook's run was at work."""
        while (run := self._run(deployment, **parameters))["state_type"] == "CANCELLED":
            time.sleep(1)
        return run

    def _run(self, deployment: str, **parameters: object) -> dict[str, Any]:
        found = self.get(f"/deployments/name/{deployment}")
        run: dict[str, Any] = self.post(
            f"/deployments/{found['id']}/create_flow_run", {"parameters": parameters}
        )
        deadline = time.monotonic() + 300
        while run["state_type"] not in {"COMPLETED", "FAILED", "CRASHED", "CANCELLED"}:
            assert time.monotonic() < deadline, run["state_name"]
            time.sleep(1)
            run = self.get(f"/flow_runs/{run['id']}")
        return run


def test_flows_of_a_deployment_run_the_loop_on_the_worker(tmp_path: Path, services: Services) -> None:
    path = small_study.write(
        tmp_path,
        coding=CODING,
        design={"rounds": 1, "budget": 12},
        name="flows-study",
        model={"kind": "tfidf_logistic"},
    )
    deploy(Workspace.open(path), cron="0 3 1 1 *")
    prefect = Prefect(services)

    deployment = prefect.get("/deployments/name/advance/flows-study")
    assert [schedule["schedule"]["cron"] for schedule in deployment["schedules"]] == ["0 3 1 1 *"]
    assert deployment["concurrency_options"]["collision_strategy"] == "CANCEL_NEW"
    form = deployment["parameter_openapi_schema"]["properties"]
    assert (form["max_steps"]["minimum"], form["max_steps"]["maximum"]) == (1, 100)
    assert all(form[parameter]["description"] for parameter in ("study", "max_steps"))

    run = prefect.run("advance/flows-study")
    assert run["state_type"] == "COMPLETED", run["state"]["message"]
    assert run["name"] == "advance flows-study"
    assert "waiting for people: 0 of 12 units coded" in run["state"]["message"]

    early = prefect.run("close-round/flows-study")
    assert early["state_type"] == "COMPLETED"
    assert next_step(Workspace.open(path)).stage == "collect"

    code(Workspace.open(path), services)
    run = prefect.run("advance/flows-study")
    assert run["state_type"] == "COMPLETED", run["state"]["message"]
    assert next_step(Workspace.open(path)).stage == "done"

    names = {flow["name"] for flow in prefect.post("/flows/filter", {})}
    assert names >= {
        "advance",
        "ingest",
        "label",
        "open-round",
        "send",
        "collect",
        "close-round",
        "rectify",
        "publish",
        "retrain",
    }
    keys = {artifact["key"] for artifact in prefect.post("/artifacts/latest/filter", {})}
    assert keys >= {
        "flows-study-labelling-old",
        "flows-study-machine-labels",
        "flows-study-round-1",
        "flows-study-coding",
        "flows-study-coding-round-1",
        "flows-study-estimates",
        "flows-study-report",
        "flows-study-retrain-round-1",
        "flows-study-send-round-1",
        "flows-study-classifiers",
    }


def test_a_flow_that_fails_says_why(tmp_path: Path, services: Services) -> None:
    path = small_study.write(tmp_path, design=DESIGN, name="failing-study")
    deploy(Workspace.open(path), cron="0 3 1 1 *")
    (tmp_path / "corpus.csv").unlink()
    run = Prefect(services).run("advance/failing-study")
    assert run["state_type"] == "FAILED"
    assert "there is no corpus" in run["state"]["message"]


def test_deploying_again_updates_and_bad_parameters_are_refused(tmp_path: Path, services: Services) -> None:
    path = small_study.write(tmp_path, design=DESIGN, name="again-study")
    for cron in ("0 3 1 1 *", "0 4 1 1 *"):
        deploy(Workspace.open(path), cron=cron)
    prefect = Prefect(services)
    found = prefect.get("/deployments/name/advance/again-study")
    assert [schedule["schedule"]["cron"] for schedule in found["schedules"]] == ["0 4 1 1 *"]
    with pytest.raises(httpx.HTTPStatusError, match="409"):
        prefect.post(f"/deployments/{found['id']}/create_flow_run", {"parameters": {"max_steps": 1000}})


@pytest.mark.skipif("POLITENESS_CSV" not in os.environ, reason="set POLITENESS_CSV to the corpus to run this")
def test_politeness_from_a_path(tmp_path: Path) -> None:
    root = Path(__file__).parents[2]
    program = [
        sys.executable,
        root / "examples/politeness/run.py",
        os.environ["POLITENESS_CSV"],
        "--out",
        tmp_path,
    ]
    subprocess.run(program, check=True, capture_output=True)
    rows = pd.read_parquet(tmp_path / "out" / "estimates.parquet").query("round == 5 and method == 'rounds'")
    prevalence = rows[rows["estimand"] == "prevalence"].set_index("label").loc["polite"]
    assert prevalence["n_human"] == 500
    assert prevalence["ci_low"] < 0.5 < prevalence["ci_high"]
    assert (
        yaml.safe_load((tmp_path / "study.yaml").read_text())["corpus"]["path"]
        == os.environ["POLITENESS_CSV"]
    )
