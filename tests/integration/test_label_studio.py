"""Coding in a real Label Studio: one task a unit whatever happens, blind, and no code lost or doubled."""

import logging
import socket
import uuid
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pandas as pd
import pytest

from annotator.codebook import Code, Codebook
from annotator.coding import gold
from annotator.coding.accounts import Account, ensure_account
from annotator.coding.form import Form
from annotator.coding.label_studio import LabelStudio
from annotator.coding.label_studio_client import Client, TokenAuth
from annotator.coding.latest import latest_answers
from annotator.coding.protocol import Task
from annotator.coding.simulated import SimulatedCoder, code_all
from annotator.errors import ServiceError, ServiceUnavailableError
from annotator.services import Services

pytestmark = pytest.mark.integration

PASSWORD = "coder-password-1"
BOOK = Codebook(
    question="Which problem is named?",
    labels=[
        Code(name="economy", definition="Jobs, prices.", examples=('"too dear" <sigh>',)),
        Code(name="health & care"),
        Code(name="$other"),
    ],
)
NewService = Callable[[], LabelStudio]


def tasks(n: int, doubled: int = 0) -> list[Task]:
    order = np.random.default_rng(n).permutation(n)
    return [
        Task(f"unit-{number}", f"Answer {number}: <b>dear</b> & 'so'", overlap=2 if number < doubled else 1)
        for number in order
    ]


@pytest.fixture
def new_service(label_studio: Services) -> NewService:
    """The same new study's service each time it is called, as another process would have it."""
    study_id = uuid.uuid4().hex
    token = label_studio.credentials().token
    return lambda: LabelStudio(
        label_studio.label_studio_url, token, "integration test", Form(BOOK), study_id=study_id
    )


@pytest.fixture
def service(new_service: NewService) -> LabelStudio:
    return new_service()


@pytest.fixture(scope="session")
def client(label_studio: Services) -> Client:
    """A connection of the owner's own, to look and to meddle."""
    return Client(label_studio.label_studio_url, TokenAuth(label_studio.credentials().token))


@pytest.fixture(scope="session")
def accounts(label_studio: Services) -> list[Account]:
    url, token = label_studio.label_studio_url, label_studio.credentials().token
    return [ensure_account(url, token, f"coder{number}@example.com", PASSWORD) for number in (1, 2)]


def everything(client: Client, service: LabelStudio) -> list[dict[str, Any]]:
    """All tasks of the project with all their fields."""
    found: list[dict[str, Any]] = client.get(
        "/api/tasks/", project=service.project_id, page_size=1000, fields="all"
    )["tasks"]
    return found


def answer(choice: str) -> dict[str, Any]:
    return {
        "result": [
            {"from_name": "code", "to_name": "text", "type": "choices", "value": {"choices": [choice]}}
        ],
        "lead_time": 2.5,
    }


def test_an_import_whose_answer_was_lost_is_not_repeated(service: LabelStudio, client: Client) -> None:
    wanted = tasks(300)
    half = [{"data": {"text": task.text, "unit_id": task.unit_id, "round": "1"}} for task in wanted[:150]]
    client.post(f"/api/projects/{service.project_id}/import", half)
    sent = service.send(1, wanted)
    there = everything(client, service)
    assert [task["data"]["unit_id"] for task in sorted(there, key=lambda task: task["id"])] == [
        task.unit_id for task in wanted
    ]
    assert sent["unit_id"].tolist() == [task.unit_id for task in wanted]
    assert sent["task_id"].is_monotonic_increasing
    pd.testing.assert_frame_equal(service.send(1, wanted), sent)
    assert len(everything(client, service)) == 300


def test_tasks_are_blind(service: LabelStudio, client: Client) -> None:
    service.send(1, tasks(5))
    project = client.get(f"/api/projects/{service.project_id}/")
    assert not project["show_collab_predictions"]
    assert not project["show_annotation_history"]
    for task in everything(client, service):
        assert set(task["data"]) == {"text", "unit_id", "round"}
        assert task["predictions"] == []
        assert task["meta"] in ({}, None)


def test_predictions_switched_on_by_hand_are_switched_off(new_service: NewService, client: Client) -> None:
    place = f"/api/projects/{new_service().project_id}/"
    client.patch(place, {"show_collab_predictions": True})
    new_service().send(1, tasks(2))
    assert not client.get(place)["show_collab_predictions"]


def test_the_project_is_found_again(new_service: NewService) -> None:
    first, second = new_service(), new_service()
    assert first.address == second.address
    assert str(first.project_id) in first.address


def test_the_page_is_the_codebook(service: LabelStudio, client: Client) -> None:
    project = client.get(f"/api/projects/{service.project_id}/")
    control = project["parsed_label_config"]["code"]
    assert [attributes["alias"] for attributes in control["labels_attrs"].values()] == list(BOOK.names)
    assert project["show_instruction"]
    assert "health &amp; care" in project["expert_instruction"]


def test_two_senders_at_the_same_moment_leave_one_task_a_unit(
    new_service: NewService, client: Client
) -> None:
    wanted = tasks(60, doubled=6)
    with ThreadPoolExecutor(2) as threads:
        list(threads.map(lambda service: service.send(1, wanted), [new_service(), new_service()]))
    service = new_service()
    sent = service.send(1, wanted)
    there = {task["id"]: task for task in everything(client, service)}
    assert sorted(sent["task_id"]) == sorted(there)
    assert [there[number]["overlap"] for number in sent["task_id"]] == sent["overlap"].tolist()


def test_a_double_that_was_coded_is_kept_and_the_other_goes(
    service: LabelStudio, client: Client, accounts: list[Account]
) -> None:
    wanted = tasks(3)
    sent = service.send(1, wanted)
    unit = wanted[0]
    again = client.post(
        f"/api/projects/{service.project_id}/import",
        [{"data": {"text": unit.text, "unit_id": unit.unit_id, "round": "1"}}],
        return_task_ids="true",
    )["task_ids"][0]
    accounts[0].client.post(f"/api/tasks/{again}/annotations/", answer("economy"))
    codes = service.collect(sent)
    assert codes[["unit_id", "label"]].to_numpy().tolist() == [[unit.unit_id, "economy"]]
    healed = service.send(1, wanted)
    assert healed["task_id"].tolist()[0] == again
    assert len(everything(client, service)) == 3
    assert service.collect(healed).equals(codes)


def test_a_deleted_task_is_missed_and_made_anew(service: LabelStudio, client: Client) -> None:
    wanted = tasks(4)
    sent = service.send(1, wanted)
    client.delete(f"/api/tasks/{sent['task_id'][2]}/")
    assert service.collect(sent).empty
    assert service.missing(1, sent) == [wanted[2].unit_id]
    healed = service.send(1, wanted)
    assert service.missing(1, healed) == []
    assert len(everything(client, service)) == 4


def test_what_is_no_code_does_not_become_one(
    service: LabelStudio, client: Client, accounts: list[Account], caplog: pytest.LogCaptureFixture
) -> None:
    sent = service.send(1, tasks(6))
    strange, skipped, drafted, changed, twice, untouched = sent["unit_id"]
    place = {unit: f"/api/tasks/{task}" for unit, task in zip(sent["unit_id"], sent["task_id"], strict=True)}
    coder = accounts[0].client
    coder.post(f"{place[strange]}/annotations/", answer("aliens"))
    coder.post(f"{place[skipped]}/annotations/", {"result": [], "was_cancelled": True})
    coder.post(f"{place[drafted]}/drafts", answer("economy"))
    made = coder.post(f"{place[changed]}/annotations/", answer("economy"))
    coder.patch(f"/api/annotations/{made['id']}/", answer("$other"))
    coder.post(f"{place[twice]}/annotations/", answer("economy"))
    coder.post(f"{place[twice]}/annotations/", answer("health & care"))

    with caplog.at_level(logging.WARNING):
        codes = latest_answers(service.collect(sent)).set_index("unit_id")
    assert set(codes.index) == {strange, skipped, changed, twice}
    assert codes.index.is_unique
    assert codes["label"].isna().to_dict() == {strange: True, skipped: True, changed: False, twice: False}
    assert codes["skipped"].to_dict() == {strange: False, skipped: True, changed: False, twice: False}
    assert codes.loc[[changed, twice], "label"].tolist() == ["$other", "health & care"]
    assert (codes["coder"] == accounts[0].email).all()
    assert strange in caplog.text
    assert "aliens" in caplog.text
    need = dict.fromkeys(sent["unit_id"], 1)
    lacking = gold.outstanding(codes.reset_index(), need, BOOK)["unit_id"]
    assert set(lacking) == {strange, skipped, drafted, untouched}


def test_coders_together_give_each_unit_its_codes(
    label_studio: Services, service: LabelStudio, accounts: list[Account]
) -> None:
    wanted = tasks(60, doubled=9)
    sent = service.send(1, wanted)
    truth = {task.unit_id: BOOK.names[number % 3] for number, task in enumerate(wanted)}
    coders = [
        SimulatedCoder(
            label_studio.label_studio_url,
            account.email,
            PASSWORD,
            answers=truth,
            error_rate=0.2,
            codebook=BOOK,
            rng=np.random.default_rng(number),
        )
        for number, account in enumerate(accounts)
    ]
    seen: list[int] = []
    done = code_all(
        coders, service.project_id, total=69, progress=lambda count, total, what: seen.append(count)
    )
    codes = service.collect(sent)
    per_unit = codes.groupby("unit_id")["coder"].agg(["size", "nunique"])
    overlap = sent.set_index("unit_id")["overlap"]
    assert (per_unit["size"] == overlap.reindex(per_unit.index)).all()
    assert (per_unit["nunique"] == per_unit["size"]).all()
    assert len(per_unit) == 60
    assert sum(done.values()) == len(codes) == 69
    assert min(done.values()) >= 9
    assert sorted(seen) == list(range(1, 70))
    judged = {coder.email: coder for coder in coders}
    assert all(
        label == judged[coder].judge(unit)
        for unit, coder, label in codes[["unit_id", "coder", "label"]].itertuples(index=False)
    )
    assert 0 < (codes["label"] != codes["unit_id"].map(truth)).sum() < 30
    assert (codes["lead_time"] > 0).all()
    pd.testing.assert_frame_equal(service.collect(sent), codes)
    assert gold.outstanding(codes, overlap.to_dict(), BOOK).empty


def test_a_second_coder_is_still_asked_when_the_first_was_faster_than_the_overlap(
    service: LabelStudio, client: Client, accounts: list[Account]
) -> None:
    wanted = tasks(1, doubled=1)
    first = client.post(
        f"/api/projects/{service.project_id}/import",
        [{"data": {"text": wanted[0].text, "unit_id": wanted[0].unit_id, "round": "1"}}],
        return_task_ids="true",
    )["task_ids"][0]
    accounts[0].client.post(f"/api/tasks/{first}/annotations/", answer("economy"))
    service.send(1, wanted)
    assert accounts[1].client.get(f"/api/projects/{service.project_id}/next")["id"] == first


def test_a_coder_never_sees_what_another_said(service: LabelStudio, accounts: list[Account]) -> None:
    sent = service.send(1, tasks(1, doubled=1))
    accounts[0].client.post(f"/api/tasks/{sent['task_id'][0]}/annotations/", answer("economy"))
    shown = accounts[1].client.get(f"/api/projects/{service.project_id}/next")
    assert shown["id"] == sent["task_id"][0]
    assert shown["annotations"] == []
    assert shown["predictions"] == []


def test_both_kinds_of_token_work(label_studio: Services, client: Client, accounts: list[Account]) -> None:
    url = label_studio.label_studio_url
    email = f"{uuid.uuid4().hex}@example.com"
    account = ensure_account(url, label_studio.credentials().token, email, PASSWORD)
    personal = account.client.post("/api/token/", {})["token"]
    for token in (personal, account.token()):
        assert Client(url, TokenAuth(token)).get("/api/current-user/whoami")["email"] == email
    assert personal.count(".") == 2


def test_a_wrong_token_is_refused_with_a_hint(label_studio: Services) -> None:
    wrong = "f" * 40
    service = LabelStudio(label_studio.label_studio_url, wrong, "x", Form(BOOK), study_id="x", patience=0.0)
    with pytest.raises(ServiceError, match="refused the access") as error:
        service.send(1, tasks(1))
    assert not error.value.retryable
    assert "Account & Settings" in (error.value.hint or "")
    assert wrong not in str(error.value)


def test_a_wrong_password_is_refused(label_studio: Services, accounts: list[Account]) -> None:
    with pytest.raises(ServiceError, match="does not let"):
        Account(label_studio.label_studio_url, accounts[0].email, "another-password").log_in()


def test_a_server_that_is_down_may_be_tried_later() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{free.getsockname()[1]}"
    service = LabelStudio(url, "f" * 40, "x", Form(BOOK), study_id="x", patience=0.0)
    with pytest.raises(ServiceUnavailableError) as error:
        service.send(1, tasks(1))
    assert error.value.retryable
