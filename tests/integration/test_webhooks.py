"""Webhooks on real servers: a code makes `advance` run, a stranger does not, and nothing depends on it."""

import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import small_study

from annotator.advance import advance
from annotator.check import check
from annotator.coding.accounts import Account, ensure_account
from annotator.coding.build import build
from annotator.coding.label_studio import LabelStudio
from annotator.coding.label_studio_webhook import register
from annotator.coding.labeling_config import chosen
from annotator.deploy import deploy
from annotator.services import Services, down, processes, up, webhook_receiver
from annotator.services.folder import ServicesFolder
from annotator.services.server import WEBHOOK_RECEIVER
from annotator.webhook.address import Webhook, webhook
from annotator.workspace import Workspace, codes

pytestmark = [
    pytest.mark.integration,
    pytest.mark.skipif(
        not webhook_receiver.has_address(), reason="this machine has one loopback address only"
    ),
]

NEVER = "0 3 1 1 *"
CODING = {"kind": "label_studio", "overlap": 0.0}
EMAIL, PASSWORD = "hook@example.com", "coder-password-1"


def sent(folder: Path, name: str) -> Workspace:
    """A study whose first round waits for coders, and whose schedule will not come."""
    path = small_study.write(folder, coding=CODING, design={"rounds": 1, "budget": 12}, name=name)
    deploy(Workspace.open(path), cron=NEVER)
    while not advance(Workspace.open(path)).waiting:
        pass
    return Workspace.open(path)


def service_of(workspace: Workspace) -> LabelStudio:
    service = build(workspace)
    assert isinstance(service, LabelStudio)
    return service


def webhooks(services: Services, project: int) -> list[dict[str, Any]]:
    headers = {"Authorization": f"Token {services.credentials().token}"}
    place = f"{services.label_studio_url}/api/webhooks/"
    found = httpx.get(place, params={"project": project}, headers=headers, timeout=60, trust_env=False)
    rows: list[dict[str, Any]] = found.raise_for_status().json()
    return rows


def runs(services: Services, study: str) -> list[dict[str, Any]]:
    with httpx.Client(base_url=services.prefect_api_url or "", timeout=60, trust_env=False) as prefect:
        deployment = prefect.get(f"/deployments/name/advance/{study}").raise_for_status().json()
        wanted = {"deployments": {"id": {"any_": [deployment["id"]]}}}
        found = prefect.post("/flow_runs/filter", json=wanted).raise_for_status().json()
    # What the schedule of next year has laid out already is no run that anybody asked for.
    return [run for run in found if not run["auto_scheduled"]]


def code_one(services: Services, project: int) -> None:
    account = Account(services.label_studio_url, EMAIL, PASSWORD, patience=60)
    account.log_in()
    task = account.client.get(f"/api/projects/{project}/next")
    answer = {"result": [chosen(["left"])], "lead_time": 5.0}
    account.client.post(f"/api/tasks/{task['id']}/annotations/", answer)


def heard(services: Services) -> str:
    """What the receiver says of itself."""
    return ServicesFolder(services.root).log(WEBHOOK_RECEIVER).read_text()[-3000:]


def eventually(seconds: float, is_so: Any) -> bool:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if is_so():
            return True
        time.sleep(0.5)
    return False


@pytest.fixture(autouse=True)
def coder(services: Services) -> None:
    ensure_account(services.label_studio_url, services.credentials().token, EMAIL, PASSWORD)


def test_a_code_is_collected_soon_after_it_was_given(tmp_path: Path, services: Services) -> None:
    workspace = sent(tmp_path, "rung")
    project = service_of(workspace).project_id
    assert runs(services, "rung") == []
    code_one(services, project)
    assert eventually(120, lambda: bool(runs(services, "rung"))), heard(services)
    assert "webhook" in runs(services, "rung")[0]["tags"]
    assert eventually(
        120, lambda: workspace.store.exists(codes(1)) and len(workspace.store.read(codes(1))) == 1
    )
    assert workspace.store.read_frame(codes(1))["label"].tolist() == ["left"]


def test_only_who_knows_the_token_can_ring(tmp_path: Path, services: Services) -> None:
    workspace = sent(tmp_path, "quiet")
    reports = webhook(workspace.study)
    assert reports is not None
    another = Webhook(reports.url.replace("/quiet", "/rung"), reports.token)
    attempts: list[dict[str, str]] = [{}, {"Authorization": "Bearer"}, {"Authorization": reports.token}]
    attempts += [{"Authorization": f"Bearer {services.webhook_secret()}"}]
    for headers in attempts:
        for method in ("POST", "GET"):
            assert httpx.request(method, reports.url, headers=headers, trust_env=False).status_code == 401
    assert httpx.post(another.url, headers=another.headers, trust_env=False).status_code == 401
    time.sleep(5)
    assert runs(services, "quiet") == []
    assert httpx.post(reports.url, headers=reports.headers, trust_env=False).status_code == 202
    assert eventually(120, lambda: len(runs(services, "quiet")) == 1), heard(services)


def test_many_reports_start_one_run(tmp_path: Path, services: Services) -> None:
    reports = webhook(sent(tmp_path, "often").study)
    assert reports is not None
    for _ in range(50):
        httpx.post(reports.url, headers=reports.headers, trust_env=False)
    assert eventually(120, lambda: len(runs(services, "often")) == 1), heard(services)
    time.sleep(5)
    assert len(runs(services, "often")) == 1


def test_it_is_registered_once_and_follows_the_receiver(tmp_path: Path, services: Services) -> None:
    workspace = sent(tmp_path, "moved")
    service = service_of(workspace)
    mine = webhooks(services, service.project_id)
    reports = webhook(workspace.study)
    assert reports is not None
    assert [hook["url"] for hook in mine] == [reports.url]
    assert (mine[0]["send_payload"], mine[0]["send_for_all_actions"]) == (False, False)

    other_port = Webhook(reports.url.replace(":42", ":43"), reports.token)
    for wanted in (reports, other_port, other_port, reports):
        register(service._client, service.project_id, wanted)
        again = webhooks(services, service.project_id)
        assert [hook["id"] for hook in again] == [mine[0]["id"]]
        assert again[0]["url"] == wanted.url


def test_label_studio_may_call_the_receiver_and_nothing_else_here(services: Services) -> None:
    assert services.prefect_page_url is not None
    headers = {"Authorization": f"Token {services.credentials().token}"}
    with httpx.Client(
        base_url=services.label_studio_url, headers=headers, timeout=60, trust_env=False
    ) as client:
        for url in (
            services.prefect_page_url,
            services.prefect_page_url.replace("127.0.0.1", "localhost"),
            "http://127.0.0.82:4210/",
            "http://127.0.0.84:4210/",
            "http://10.0.0.1/",
            "http://172.31.255.1/",
            "http://192.168.1.1/",
            "http://169.254.169.254/latest/meta-data/",
            "http://0.0.0.0:4200/",
        ):
            answer = client.post("/api/webhooks/", json={"url": url, "send_payload": False})
            assert answer.status_code in {400, 403}, (url, answer.text)
        project = client.post("/api/projects/", json={"title": "import"}).raise_for_status().json()["id"]
        place = f"/api/projects/{project}/import"
        stolen = client.post(place, data={"url": f"{services.prefect_page_url}/api/admin/version"})
        assert stolen.status_code in {400, 403}, stolen.text


def test_check_says_whether_reports_would_be_heard(
    tmp_path: Path, services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    def found(path: Path) -> tuple[str, bool]:
        findings = {finding.what: finding for finding in check(Workspace.open(path))}
        return findings["webhook"].detail, findings["webhook"].error is None

    path = small_study.write(tmp_path, coding=CODING, name="heard")
    detail, is_ok = found(path)
    assert is_ok
    assert "annotator deploy" in detail
    deploy(Workspace.open(path), cron=NEVER)
    detail, is_ok = found(path)
    assert is_ok
    assert detail.endswith("/studies/heard")

    small_study.write(tmp_path, coding={**CODING, "webhook": services.webhook_url}, name="heard")
    monkeypatch.setenv("ANNOTATOR_WEBHOOK_SECRET", "another word")
    detail, is_ok = found(path)
    assert not is_ok
    assert "token" in detail
    assert services.webhook_secret() not in detail


@pytest.fixture
def without_receiver(services: Services) -> Iterator[None]:
    record = ServicesFolder(services.root).read().processes[WEBHOOK_RECEIVER]
    os.kill(record.pid, signal.SIGKILL)
    while processes.alive(record) is not None:
        time.sleep(0.05)
    yield
    up(services.root)


def test_coding_goes_on_without_a_receiver(
    tmp_path: Path, services: Services, without_receiver: None
) -> None:
    del without_receiver
    workspace = sent(tmp_path, "deaf")
    began = time.monotonic()
    code_one(services, service_of(workspace).project_id)
    assert time.monotonic() - began < 30
    advance(workspace)
    assert len(workspace.store.read(codes(1))) == 1
    assert runs(services, "deaf") == []


def test_a_label_studio_that_refuses_does_not_stop_a_round(
    tmp_path: Path, services: Services, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("ANNOTATOR_WEBHOOK_SECRET", "a word")
    refused = {**CODING, "webhook": "http://10.1.2.3:4210"}
    path = small_study.write(tmp_path, coding=refused, design={"rounds": 1, "budget": 12}, name="refused")
    while not advance(Workspace.open(path)).waiting:
        pass
    assert webhooks(services, service_of(Workspace.open(path)).project_id) == []
    assert "10.1.2.3" in caplog.text
    assert "a word" not in caplog.text


def test_down_stops_it(tmp_path: Path) -> None:
    assert down(tmp_path) == []
