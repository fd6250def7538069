"""A study and its Label Studio stay in step: tokens, time zones, codes changed later, edits by hand."""

import time
import uuid
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import small_study

from annotator.advance import advance
from annotator.codebook import Code, Codebook
from annotator.coding.accounts import Account, ensure_account
from annotator.coding.build import build
from annotator.coding.form import Form
from annotator.coding.label_studio import LabelStudio
from annotator.coding.label_studio_client import Client, NotFoundError, TokenAuth
from annotator.coding.labeling_config import chosen
from annotator.coding.latest import latest_answers
from annotator.coding.protocol import Task
from annotator.coding.simulated import SimulatedCoder
from annotator.services import Services
from annotator.stages.collect import merge
from annotator.state import Step, next_step
from annotator.workspace import Workspace, code_changes, codes, gold, late_codes, tasks

pytestmark = pytest.mark.integration

PASSWORD = "coder-password-1"
BOOK = Codebook(question="Which problem?", labels=[Code(name="jobs"), Code(name="health")])
TASKS = [Task(f"unit {number}", f"Text {number}") for number in range(6)]


@pytest.fixture
def account(label_studio: Services) -> Account:
    email = f"{uuid.uuid4().hex}@example.com"
    return ensure_account(label_studio.label_studio_url, label_studio.credentials().token, email, PASSWORD)


@pytest.fixture
def client(label_studio: Services) -> Client:
    return Client(label_studio.label_studio_url, TokenAuth(label_studio.credentials().token))


def new_service(label_studio: Services, token: str, study_id: str | None = None) -> LabelStudio:
    study = study_id or uuid.uuid4().hex
    return LabelStudio(label_studio.label_studio_url, token, "in step", Form(BOOK), study_id=study)


def sent_study(folder: Path, name: str, *, rounds: int, budget: int, overlap: float) -> Workspace:
    """A study whose first round waits for its coders."""
    coding = {"kind": "label_studio", "overlap": overlap}
    path = small_study.write(folder, coding=coding, design={"rounds": rounds, "budget": budget}, name=name)
    while not advance(Workspace.open(path)).is_last:
        pass
    return Workspace.open(path)


def answer(account: Account, task_id: int, label: str) -> int:
    body = {"result": [chosen([label])], "lead_time": 3.0}
    return int(account.client.post(f"/api/tasks/{task_id}/annotations/", body)["id"])


@pytest.mark.parametrize("kind", ["legacy", "personal"])
def test_a_round_with_either_kind_of_token(label_studio: Services, account: Account, kind: str) -> None:
    legacy = account.token()
    token = account.client.post("/api/token/", {})["token"] if kind == "personal" else legacy
    assert token.count(".") == (2 if kind == "personal" else 0)
    service = new_service(label_studio, token)
    sent = service.send(1, TASKS)
    answer(account, sent["task_id"][0], "jobs")
    assert service.collect(sent)[["unit_id", "label"]].to_numpy().tolist() == [["unit 0", "jobs"]]
    assert account.email in service.check()


@pytest.fixture(params=["America/Los_Angeles", "Asia/Kolkata"])
def elsewhere(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """This process in another time zone than the server, which runs in Auckland's."""
    with monkeypatch.context() as patch:
        patch.setenv("TZ", request.param)
        time.tzset()
        yield request.param
    time.tzset()


def test_times_are_the_same_in_every_zone(label_studio: Services, account: Account, elsewhere: str) -> None:
    service = new_service(label_studio, label_studio.credentials().token)
    sent = service.send(1, TASKS)
    answer(account, sent["task_id"][0], "jobs")
    codes_before = service.collect(sent)
    answered = codes_before["updated_at"][0]
    assert abs(answered - pd.Timestamp.now(tz="UTC")) < pd.Timedelta(minutes=1)
    time.sleep(1.0)
    asked = pd.Timestamp.now(tz=elsewhere)
    answer(account, sent["task_id"][1], "health")
    assert service.collect(sent, asked)["unit_id"].tolist() == ["unit 1"]
    assert service.collect(sent, asked - pd.Timedelta(minutes=1))["unit_id"].tolist() == ["unit 0", "unit 1"]
    assert service.collect(sent, pd.Timestamp.now(tz=elsewhere) + pd.Timedelta(minutes=1)).empty


def test_a_project_renamed_by_hand_is_found_by_its_mark(label_studio: Services, client: Client) -> None:
    token, study = label_studio.credentials().token, uuid.uuid4().hex
    project = new_service(label_studio, token, study).project_id
    body = {
        "title": "Another title",
        "description": f"Coding, spring wave. [annotator study {study}] Ask Ann.",
    }
    client.patch(f"/api/projects/{project}/", body)
    assert new_service(label_studio, token, study).project_id == project


def test_tasks_edited_by_hand_do_not_stop_a_round(
    label_studio: Services, client: Client, account: Account
) -> None:
    service = new_service(label_studio, label_studio.credentials().token)
    sent = service.send(1, TASKS)
    stripped, reworded, moved = sent["task_id"][:3]
    answer(account, stripped, "jobs")
    client.patch(f"/api/tasks/{stripped}/", {"data": {"text": "no unit any more", "round": "1"}})
    client.patch(f"/api/tasks/{reworded}/", {"data": {"text": "other", "unit_id": "unit 1", "round": "1"}})
    client.patch(f"/api/tasks/{moved}/", {"data": {"text": "Text 2", "unit_id": "unit 2", "round": "7"}})
    assert service.missing(1, sent) == ["unit 0", "unit 2"]
    client.patch(f"/api/tasks/{moved}/", {"data": {"text": "Text 2", "unit_id": "unit 2", "round": "1"}})
    assert service.missing(1, sent) == ["unit 0"]
    client.patch(f"/api/tasks/{moved}/", {"data": {"text": "Text 2", "unit_id": "unit 2", "round": "7"}})
    healed = service.send(1, TASKS)
    assert service.missing(1, healed) == []
    assert healed["task_id"][1] == reworded
    for task_id in (healed["task_id"][0], moved, reworded):
        answer(account, task_id, "health")
    found = service.collect(healed)
    assert dict(zip(found["unit_id"], found["label"], strict=True)) == dict.fromkeys(
        ["unit 0", "unit 1", "unit 2"], "health"
    )


def test_a_code_changed_before_the_close_counts_and_the_earlier_one_is_kept(
    tmp_path: Path, label_studio: Services, account: Account
) -> None:
    workspace = sent_study(tmp_path, "changed-later", rounds=1, budget=12, overlap=0.0)
    task = workspace.store.read_frame(tasks(1)).iloc[0]
    first = answer(account, task["task_id"], "left")
    advance(workspace)
    place = f"/api/annotations/{first}/"
    account.client.patch(place, {"result": [chosen(["right"])], "lead_time": 5.0})
    for _ in range(2):
        advance(workspace)
    kept = workspace.store.read_frame(codes(1))
    assert kept[["unit_id", "label"]].to_numpy().tolist() == [[task["unit_id"], "right"]]
    before = workspace.store.read_frame(code_changes(1))
    assert before[["unit_id", "label"]].to_numpy().tolist() == [[task["unit_id"], "left"]]


def test_an_answer_submitted_again_because_none_came_is_one_code(
    label_studio: Services, client: Client, account: Account
) -> None:
    service = new_service(label_studio, label_studio.credentials().token)
    sent = service.send(1, TASKS[:2])
    truth = {"unit 0": "jobs", "unit 1": "health"}
    for task_id, label in zip(sent["task_id"], ["health", "health"], strict=True):
        answer(account, task_id, label)  # stored, but the coder never heard of it
    answer(account, sent["task_id"][0], "jobs")
    answer(account, sent["task_id"][1], "health")
    found = service.collect(sent)
    assert dict(zip(found["unit_id"], found["label"], strict=True)) == truth
    assert client.get(f"/api/projects/{service.project_id}/")["total_annotations_number"] == 4
    other = SimulatedCoder(
        label_studio.label_studio_url,
        account.email,
        PASSWORD,
        answers=truth,
        error_rate=0.0,
        codebook=BOOK,
        rng=np.random.default_rng(0),
    )
    assert other.code(service.project_id) == 0


def test_who_submits_twice_does_not_take_the_place_of_the_second_coder(
    label_studio: Services, client: Client, account: Account
) -> None:
    url, token = label_studio.label_studio_url, label_studio.credentials().token
    service = new_service(label_studio, token)
    sent = service.send(1, [Task("unit 0", "Text 0", overlap=2)])
    task_id = int(sent["task_id"][0])
    for _ in range(2):
        answer(account, task_id, "jobs")
    service.collect(sent)
    second = ensure_account(url, token, f"{uuid.uuid4().hex}@example.com", PASSWORD)
    offered = f"/api/projects/{service.project_id}/next"
    assert second.client.get(offered)["id"] == task_id
    answer(second, task_id, "health")
    assert len(latest_answers(service.collect(sent))) == 2
    after = client.get(f"/api/tasks/{task_id}/")
    assert (after["overlap"], after["is_labeled"]) == (2, True)


def test_a_code_given_while_the_overlap_was_raised_leaves_the_task_open(
    label_studio: Services, client: Client, account: Account
) -> None:
    service = new_service(label_studio, label_studio.credentials().token)
    sent = service.send(1, [Task("unit 0", "Text 0", overlap=2)])
    task_id = int(sent["task_id"][0])
    answer(account, task_id, "jobs")
    client.patch(f"/api/tasks/{task_id}/", {"is_labeled": True})  # as the request of the coder would have it
    service.collect(sent)
    assert not client.get(f"/api/tasks/{task_id}/")["is_labeled"]


def test_a_code_changed_after_the_close_is_kept_and_gold_stays(
    tmp_path: Path, label_studio: Services, account: Account
) -> None:
    workspace = sent_study(tmp_path, "late-codes", rounds=2, budget=20, overlap=0.0)
    ids = workspace.store.read_frame(tasks(1))["task_id"]
    annotations = [answer(account, task_id, "left") for task_id in ids]
    while next_step(Workspace.open(workspace.study.path)) != Step("collect", 2):
        advance(Workspace.open(workspace.study.path))
    settled = workspace.store.read_bytes(gold(1))
    assert advance(workspace).message == "0 of 10 units coded"
    assert not workspace.store.exists(late_codes(1))
    account.client.patch(f"/api/annotations/{annotations[3]}/", {"result": [chosen(["right"])]})
    answer(account, workspace.store.read_frame(tasks(2))["task_id"][0], "neither")
    for _ in range(2):
        assert advance(workspace).message == "1 of 10 units coded"
    late = workspace.store.read_frame(late_codes(1))
    assert late[["coder", "label", "annotation_id"]].to_numpy().tolist() == [
        [account.email, "right", annotations[3]]
    ]
    assert workspace.store.read_bytes(gold(1)) == settled


def test_texts_given_up_are_offered_to_nobody_and_what_comes_all_the_same_is_kept(
    tmp_path: Path, label_studio: Services, account: Account
) -> None:
    workspace = sent_study(tmp_path, "given-up", rounds=2, budget=20, overlap=0.5)
    sent = workspace.store.read_frame(tasks(1))
    once, twice = sent[sent["overlap"] == 1], sent[sent["overlap"] == 2]
    for task_id in (*once["task_id"][:3], *twice["task_id"][:3]):
        answer(account, task_id, "left")
    advance(workspace)  # what is given up later was looked at before
    assert "given up" in advance(workspace, force=True).message
    service = build(workspace)
    assert isinstance(service, LabelStudio)
    with pytest.raises(NotFoundError):
        account.client.get(f"/api/projects/{service.project_id}/next")
    while next_step(Workspace.open(workspace.study.path)) != Step("collect", 2):
        advance(Workspace.open(workspace.study.path))
    answer(account, once["task_id"].iloc[4], "right")  # on a page that was open all the while
    new = set(workspace.store.read_frame(tasks(2))["task_id"])
    for _ in range(2):
        advance(workspace)
        assert account.client.get(f"/api/projects/{service.project_id}/next")["id"] in new
    late = workspace.store.read_frame(late_codes(1))
    assert late[["unit_id", "label"]].to_numpy().tolist() == [[once["unit_id"].iloc[4], "right"]]


def test_who_was_removed_stays_the_coder_and_two_of_them_are_two(
    label_studio: Services, client: Client
) -> None:
    url, token = label_studio.label_studio_url, label_studio.credentials().token
    study = uuid.uuid4().hex
    service = new_service(label_studio, token, study)
    tasks = [Task(f"unit {number}", "Text", overlap=2) for number in range(3)]
    sent = service.send(1, tasks)
    emails = [f"{uuid.uuid4().hex}@example.com" for _ in range(2)]
    leavers = [ensure_account(url, token, email, PASSWORD) for email in emails]
    for leaver in leavers:
        for task_id in sent["task_id"][:2]:
            answer(leaver, task_id, "jobs")
    known = service.collect(sent)
    answer(leavers[0], sent["task_id"][2], "jobs")
    answer(leavers[1], sent["task_id"][2], "health")
    for leaver in leavers:
        number = leaver.client.get("/api/current-user/whoami")["id"]
        client.delete(f"/api/organizations/1/memberships/{number}/")
    found = new_service(label_studio, token, study).collect(sent)
    assert len(found) == 6
    merged = merge(known, found)
    assert len(merged) == 6
    assert sorted(merged.loc[merged["unit_id"] != "unit 2", "coder"]) == sorted(2 * emails)
    assert merged.loc[merged["unit_id"] == "unit 2", "coder"].is_unique


def test_an_answer_that_is_no_code_leaves_the_text_to_another_coder(
    label_studio: Services, client: Client, account: Account
) -> None:
    url, token = label_studio.label_studio_url, label_studio.credentials().token
    service = new_service(label_studio, token)
    sent = service.send(1, [Task("unit 0", "Text 0")])
    task_id = int(sent["task_id"][0])
    account.client.post(f"/api/tasks/{task_id}/annotations/", {"result": [chosen(["jobs", "health"])]})
    assert service.collect(sent)["label"].isna().all()
    another = ensure_account(url, token, f"{uuid.uuid4().hex}@example.com", PASSWORD)
    assert another.client.get(f"/api/projects/{service.project_id}/next")["id"] == task_id
    answer(another, task_id, "health")
    assert service.collect(sent)["label"].dropna().tolist() == ["health"]
    assert client.get(f"/api/tasks/{task_id}/")["is_labeled"]


def test_a_deleted_task_is_missed_although_another_was_doubled(
    label_studio: Services, client: Client
) -> None:
    service = new_service(label_studio, label_studio.credentials().token)
    tasks = [Task(f"unit {number}", "Text") for number in range(3)]
    sent = service.send(1, tasks)
    client.delete(f"/api/tasks/{sent['task_id'][0]}/")
    copy = {"data": {"text": "Text", "unit_id": "unit 1", "round": "1"}}
    client.post(f"/api/projects/{service.project_id}/import", [copy])
    assert service.missing(1, sent) == ["unit 0"]
    assert service.missing(1, service.send(1, tasks)) == []


@pytest.mark.parametrize("unit", [["unit 0"], {"unit": 0}, 5, None])
def test_a_unit_id_that_is_no_text_is_none(label_studio: Services, client: Client, unit: object) -> None:
    service = new_service(label_studio, label_studio.credentials().token)
    tasks = [Task(f"unit {number}", "Text") for number in range(2)]
    sent = service.send(1, tasks)
    task_id = int(sent["task_id"][0])
    client.patch(f"/api/tasks/{task_id}/", {"data": {"text": "Text", "unit_id": unit, "round": "1"}})
    assert service.collect(sent).empty
    again = service.send(1, tasks)
    assert again["unit_id"].tolist() == ["unit 0", "unit 1"]
    assert again["task_id"][0] != task_id
