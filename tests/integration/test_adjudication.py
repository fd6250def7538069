"""Adjudication on a real Label Studio: a project of its own, one task a disagreement, whatever happens."""

import uuid
from pathlib import Path
from typing import Any

import adjudicated_study
import numpy as np
import pandas as pd
import pytest
import small_study
from killed import advance_killed

from annotator.advance import advance
from annotator.coding.accounts import ensure_account
from annotator.coding.build import build, build_adjudication
from annotator.coding.label_studio import LabelStudio
from annotator.coding.label_studio_client import Client, TokenAuth
from annotator.coding.labeling_config import chosen
from annotator.coding.replay import ADJUDICATOR, ReplayCoding
from annotator.coding.simulated import SimulatedCoder, code_all
from annotator.errors import ServiceUnavailableError
from annotator.services import Services
from annotator.stages.disagreement import sent_disagreements, undecided
from annotator.state import Step, next_step
from annotator.status import status
from annotator.workspace import Workspace, adjudications, codes, gold
from flows.adjudicate import adjudicate as adjudicate_flow
from flows.advance import advance as advance_flow

pytestmark = pytest.mark.integration

CODING = {"kind": "label_studio", "overlap": 1.0, "note": True, "gold": {"adjudicate": True}}
DESIGN = {"rounds": 1, "budget": 12}
PASSWORD = "coder-password-1"
TRUTH = dict(small_study.corpus().set_index("id")["human"])


def owner(services: Services) -> Client:
    return Client(services.label_studio_url, TokenAuth(services.credentials().token))


def coder(services: Services, book: Any, email: str, error_rate: float) -> SimulatedCoder:
    ensure_account(services.label_studio_url, services.credentials().token, email, PASSWORD)
    return SimulatedCoder(
        services.label_studio_url,
        email,
        PASSWORD,
        answers=TRUTH,
        error_rate=error_rate,
        codebook=book,
        rng=np.random.default_rng(len(email)),
    )


def until_waiting(path: Path) -> Workspace:
    while not (outcome := advance(Workspace.open(path))).is_last:
        pass
    assert outcome.waiting
    return Workspace.open(path)


def projects(services: Services, workspace: Workspace) -> dict[str, dict[str, Any]]:
    found = owner(services).get("/api/projects/", page_size=1000)["results"]
    return {each["title"]: each for each in found if workspace.study_id in each["description"]}


def service_of(workspace: Workspace) -> LabelStudio:
    service = build_adjudication(workspace)
    assert isinstance(service, LabelStudio)
    return service


def tasks_of(services: Services, project: int) -> list[dict[str, Any]]:
    page = owner(services).get("/api/tasks/", project=project, page_size=1000, fields="all")
    return list(page["tasks"])


@pytest.fixture
def disputed(tmp_path: Path, label_studio: Services) -> Workspace:
    """A study whose two coders have answered everything, the second at odds with the first now and then."""
    name = f"disputed-{uuid.uuid4().hex[:6]}"
    path = small_study.write(tmp_path, coding=CODING, design=DESIGN, name=name)
    workspace = until_waiting(path)
    book, service = workspace.study.codebook, build(workspace)
    assert isinstance(service, LabelStudio)
    coders = [
        coder(label_studio, book, "exact@example.com", 0.0),
        coder(label_studio, book, "sloppy.coder@example.com", 0.5),
    ]
    code_all(coders, service.project_id)
    while next_step(Workspace.open(path)).stage != "adjudicate":
        advance(Workspace.open(path))
    return Workspace.open(path)


def adjudicate_everything(services: Services, workspace: Workspace) -> int:
    judge = coder(services, workspace.study.codebook, "judge@example.com", 0.0)
    return judge.code(service_of(workspace).project_id)


def test_disagreements_are_adjudicated_and_the_round_closes(
    disputed: Workspace, label_studio: Services
) -> None:
    outcome = advance(disputed)
    assert outcome.waiting
    n = len(undecided(disputed, 1))
    assert 2 <= n < 12
    address = status(disputed).adjudication_address
    assert address is not None
    assert address.startswith(label_studio.label_studio_url)
    both = projects(label_studio, disputed)
    name = disputed.study.name
    assert set(both) == {name, f"{name} - adjudication"}

    project = both[f"{name} - adjudication"]
    assert not project["show_collab_predictions"]
    assert not project["show_annotation_history"]
    rows = tasks_of(label_studio, project["id"])
    assert len(rows) == n
    given = disputed.store.read_frame(codes(1)).groupby("unit_id")["label"].apply(set)
    for row in rows:
        assert set(row["data"]) == {"text", "unit_id", "round", "given"}
        assert not row["predictions"]
        assert "@" not in str(row["data"])
        lines = {line.removeprefix("\N{BULLET} ") for line in row["data"]["given"].splitlines()}
        assert lines == given[row["data"]["unit_id"]]

    assert adjudicate_everything(label_studio, disputed) == n
    while advance(Workspace.open(disputed.study.path)).step.stage != "done":
        pass
    labels = disputed.store.read_frame(gold(1))
    assert labels["label"].tolist() == [TRUTH[unit] for unit in labels["unit_id"]]
    assert labels["how"].value_counts().to_dict() == {"adjudicated": n, "agreed": 12 - n}
    assert set(disputed.store.read_frame(adjudications(1))["coder"]) == {"judge@example.com"}


def test_sending_again_or_after_a_kill_doubles_nothing(disputed: Workspace, label_studio: Services) -> None:
    for _ in range(2):
        advance_killed(disputed.study.path)
    for _ in range(2):
        assert advance(Workspace.open(disputed.study.path)).waiting
    assert len(projects(label_studio, disputed)) == 2
    rows = tasks_of(label_studio, service_of(disputed).project_id)
    units = [row["data"]["unit_id"] for row in rows]
    assert sorted(units) == sorted(undecided(disputed, 1))


def test_a_task_deleted_by_hand_is_made_again_and_a_decision_is_never_lost(
    disputed: Workspace, label_studio: Services
) -> None:
    advance(disputed)
    n, client = len(undecided(disputed, 1)), owner(label_studio)
    sent = sent_disagreements(disputed, 1)
    client.delete(f"/api/tasks/{sent['task_id'].iloc[0]}/")
    assert advance(disputed).waiting
    again = sent_disagreements(disputed, 1).set_index("unit_id")["task_id"]
    assert len(again) == n
    assert again[sent["unit_id"].iloc[0]] not in set(sent["task_id"])

    assert adjudicate_everything(label_studio, disputed) == n
    # What was collected once stays, whatever happens in Label Studio.
    service = service_of(disputed)
    found = service.collect(sent_disagreements(disputed, 1).assign(overlap=1))
    assert len(found) == n
    advance(disputed)
    client.delete(f"/api/projects/{service.project_id}/")
    assert next_step(disputed) == Step("close_round", 1)
    assert advance(Workspace.open(disputed.study.path)).step.stage == "close_round"


def test_coders_who_change_their_minds_meanwhile(disputed: Workspace, label_studio: Services) -> None:
    advance(disputed)
    n, client = len(undecided(disputed, 1)), owner(label_studio)
    first, second = undecided(disputed, 1)[:2]
    known = disputed.store.read_frame(codes(1)).set_index(["unit_id", "coder"])
    sloppy = known.xs("sloppy.coder@example.com", level="coder")
    exact = known.xs("exact@example.com", level="coder")

    def change(unit: str, label: str) -> None:
        client.patch(f"/api/annotations/{sloppy['annotation_id'][unit]}/", {"result": [chosen([label])]})

    # The one agrees now; the other still differs, in another way, and the adjudicator sees it.
    third = next(
        code for code in small_study.CODES if code not in (exact["label"][second], sloppy["label"][second])
    )
    change(first, exact["label"][first])
    change(second, third)
    assert advance(disputed).waiting
    assert first not in undecided(disputed, 1)
    rows = {row["data"]["unit_id"]: row for row in tasks_of(label_studio, service_of(disputed).project_id)}
    assert len(rows) == n, "the task of a disagreement that vanished stays"
    assert set(rows[second]["data"]["given"].splitlines()) == {
        f"\N{BULLET} {label}" for label in (third, exact["label"][second])
    }
    adjudicate_everything(label_studio, disputed)
    while advance(Workspace.open(disputed.study.path)).step.stage != "done":
        pass
    how = disputed.store.read_frame(gold(1)).set_index("unit_id")["how"]
    assert (how[first], how[second]) == ("agreed", "adjudicated")


def test_the_flow_waits_for_the_adjudicator_and_then_closes_the_round(
    tmp_path: Path, prefect: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, collect = adjudicated_study.write(tmp_path, name="adjudicated-flow"), ReplayCoding.collect

    def nothing_yet(
        self: ReplayCoding, tasks: pd.DataFrame, since: pd.Timestamp | None = None
    ) -> pd.DataFrame:
        codes = collect(self, tasks, since)
        return codes[codes["coder"] != ADJUDICATOR].reset_index(drop=True)

    with monkeypatch.context() as patch:
        patch.setattr(ReplayCoding, "collect", nothing_yet)
        state = advance_flow(path, return_state=True)
        n = len(undecided(Workspace.open(path), 1))
        assert state.message == f"waiting for people: 0 of {n} disagreements adjudicated"
        assert adjudicate_flow(path) == f"0 of {n} disagreements adjudicated"
    assert next_step(Workspace.open(path)) == Step("adjudicate", 1)
    state = advance_flow(path, return_state=True)
    assert state.message == "the study is done"
    assert (Workspace.open(path).store.read_frame(gold(1))["how"] == "adjudicated").sum() == n


def test_a_service_that_is_away_loses_nothing(disputed: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    advance(disputed)
    before = sent_disagreements(disputed, 1)
    get = Client.get

    def away(self: Client, path: str, **params: Any) -> Any:
        if path == "/api/projects/":
            raise ServiceUnavailableError("away")
        return get(self, path, **params)

    with monkeypatch.context() as patch:
        patch.setattr(Client, "get", away)
        with pytest.raises(ServiceUnavailableError):
            advance(Workspace.open(disputed.study.path))
    assert next_step(disputed) == Step("adjudicate", 1)
    assert sent_disagreements(disputed, 1).equals(before)
    assert advance(Workspace.open(disputed.study.path)).waiting
