"""A project that others made in a real Label Studio is adopted, and what is known goes back into one."""

import json
import uuid
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import small_study
from prefect.client.orchestration import get_client
from typer.testing import CliRunner

from annotator.adoption.project import read_project
from annotator.adoption.section import AdoptedCodes
from annotator.advance import advance
from annotator.cli import app
from annotator.coding.accounts import Account, ensure_account
from annotator.coding.build import build
from annotator.coding.label_studio import LabelStudio
from annotator.coding.label_studio_client import Client, TokenAuth
from annotator.coding.simulated import SimulatedCoder, code_all
from annotator.errors import StudyError
from annotator.services import Services
from annotator.state import next_step
from annotator.workspace import Workspace, codes, gold, ledger, taught
from flows.adopt import adopt as adopt_flow

pytestmark = pytest.mark.integration

PASSWORD = "coder-password-1"
CODING = {"kind": "label_studio", "overlap": 0.0}
DESIGN = {"rounds": 1, "budget": 20}
WORDS = {"left": "Linke Seite", "right": "RECHTS", "neither": "nix von beidem"}
INTERFACE = """<View><Text name="answer_text" value="$Antwort"/>
<Choices name="Seite (Pflicht)" toName="answer_text"><Choice value="Linke Seite"/><Choice value="RECHTS"/>
<Choice value="nix von beidem"/><Choice value="unklar"/></Choices>
<Choices name="sicher?" toName="answer_text"><Choice value="ja"/><Choice value="nein"/></Choices></View>"""
PICTURE = "data:image/png;base64," + "A" * 200_000
CORPUS = small_study.corpus()


@pytest.fixture(scope="module")
def client(label_studio: Services) -> Client:
    return Client(label_studio.label_studio_url, TokenAuth(label_studio.credentials().token))


@pytest.fixture(scope="module")
def coders(label_studio: Services) -> list[Account]:
    url, token = label_studio.label_studio_url, label_studio.credentials().token
    return [ensure_account(url, token, f"veteran{number}@example.com", PASSWORD) for number in (1, 2)]


def advance_until_waiting(path: Path) -> Workspace:
    while not (outcome := advance(Workspace.open(path))).is_last:
        pass
    assert outcome.waiting
    return Workspace.open(path)


def code(workspace: Workspace, services: Services) -> None:
    """One simulated coder codes without error whatever waits."""
    service = build(workspace)
    assert isinstance(service, LabelStudio)
    coder = SimulatedCoder(
        services.label_studio_url,
        "veteran1@example.com",
        PASSWORD,
        answers=dict(zip(CORPUS["id"], CORPUS["human"], strict=True)),
        error_rate=0.0,
        codebook=workspace.study.codebook,
        rng=np.random.default_rng(1),
    )
    code_all([coder], service.project_id)


def new_project(client: Client, interface: str = INTERFACE) -> int:
    body = {"title": f"old {uuid.uuid4().hex[:8]}", "label_config": interface}
    return int(client.post("/api/projects/", body)["id"])


def answer(word: str) -> dict[str, Any]:
    result = [
        {"from_name": control, "to_name": "answer_text", "type": "choices", "value": {"choices": [choice]}}
        for control, choice in (("Seite (Pflicht)", word), ("sicher?", "ja"))
    ]
    return {"result": result, "lead_time": 4.0}


@pytest.fixture(scope="module")
def project(client: Client, coders: list[Account]) -> int:
    """Thirty texts of the corpus and one that is none of it; two people coded, the first five texts both.

    They disagree on the first, one is coded with a word that is no code, one is skipped, one untouched.
    """
    number = new_project(client)
    rows = CORPUS.head(30)
    data = [{"Antwort": row.text, "Nr.": row.id, "Bild": PICTURE} for row in rows.itertuples()]
    stranger = {"Antwort": "not in the corpus", "Nr.": "u9999"}
    ids = client.post(f"/api/projects/{number}/import", [*data, stranger], return_task_ids="true")["task_ids"]
    first, second = (coder.client for coder in coders)
    for place, task in enumerate(ids[:27]):
        first.post(f"/api/tasks/{task}/annotations/", answer(WORDS[rows["human"].iloc[place]]))
        if 0 < place < 5:
            second.post(f"/api/tasks/{task}/annotations/", answer(WORDS[rows["human"].iloc[place]]))
    other = next(word for code, word in WORDS.items() if code != rows["human"].iloc[0])
    second.post(f"/api/tasks/{ids[0]}/annotations/", answer(other))
    first.post(f"/api/tasks/{ids[27]}/annotations/", answer("unklar"))
    first.post(f"/api/tasks/{ids[28]}/annotations/", {"result": [], "was_cancelled": True})
    first.post(f"/api/tasks/{ids[30]}/annotations/", answer("RECHTS"))
    return number


def section(project: int, use: str) -> dict[str, Any]:
    words = {word: code for code, word in WORDS.items()}
    return {"project": project, "use": use, "id": "Nr.", "field": "Seite (Pflicht)", "labels": words}


def test_a_foreign_project_is_shown_and_changed_in_nothing(
    tmp_path: Path, project: int, client: Client
) -> None:
    path = small_study.write(tmp_path, coding=CODING, adopted=[section(project, "known")])
    before = client.get(f"/api/projects/{project}/")
    shown = CliRunner().invoke(app, ["adopt", str(path), "--json"])
    assert shown.exit_code == 0, shown.output
    (summary,) = json.loads(shown.output)["sources"]
    told = {
        "items": 31,
        "matched": 30,
        "unmatched": 1,
        "answers": 34,
        "off_codebook": 1,
        "skipped": 1,
        "units": 27,
        "coded_by_several": 5,
        "disagreed": 1,
        "words": {"unklar": 1},
        "coders": {"veteran1@example.com": 27, "veteran2@example.com": 5},
    }
    assert {name: summary[name] for name in told} == told
    after = client.get(f"/api/projects/{project}/")
    same = ("task_number", "total_annotations_number", "label_config", "description", "maximum_annotations")
    assert {key: before[key] for key in same} == {key: after[key] for key in same}


@pytest.mark.parametrize("use", ["known", "training"])
def test_a_study_goes_on_from_a_foreign_project(
    tmp_path: Path, project: int, label_studio: Services, use: str
) -> None:
    changes = {
        "coding": CODING,
        "design": DESIGN,
        "name": f"adopts-{use}",
        "adopted": [section(project, use)],
    }
    path = small_study.write(tmp_path, **changes)
    workspace = advance_until_waiting(path)
    rows = workspace.store.read_frame(ledger(0))
    assert set(rows["purpose"]) == {use}
    assert len(rows) == 27
    assert (
        rows["inclusion_probability"].eq(1).all()
        if use == "known"
        else rows["inclusion_probability"].isna().all()
    )
    labels = workspace.store.read_frame(gold(0) if use == "known" else taught(0)).set_index("unit_id")
    truth = CORPUS.set_index("id")["human"]
    assert (labels["label"].iloc[1:] == truth[labels.index[1:]]).all()
    assert labels["how"].value_counts().to_dict() == {"single": 23, "agreed": 4}
    assert len(workspace.store.read_frame(codes(0)).dropna(subset=["label"])) == 32
    eligible = workspace.store.read_frame(ledger(1))
    assert len(eligible) == (273 if use == "known" else 300)

    code(workspace, label_studio)
    while next_step(Workspace.open(path)).stage != "done":
        advance(Workspace.open(path))
    workspace = Workspace.open(path)
    estimates = workspace.store.read_frame("estimates.parquet").query("method == 'rounds'")
    shares = estimates[estimates["estimand"] == "prevalence"].set_index("label")
    assert (shares["n_human"] == (47 if use == "known" else 20)).all()
    assert shares["estimate"].sum() == pytest.approx(1.0)
    for label, share in CORPUS["human"].value_counts(normalize=True).items():
        assert abs(shares.loc[str(label), "estimate"] - share) < 0.3
    product = workspace.store.read_frame("labels.parquet")
    assert product["gold"].notna().sum() == (47 if use == "known" else 20)


def test_what_is_known_goes_into_label_studio_and_comes_back(
    tmp_path: Path, client: Client, label_studio: Services
) -> None:
    finished = small_study.run_to_the_end(small_study.write(tmp_path / "first", design=DESIGN))
    place = tmp_path / "tasks.json"
    options = ["--to", "label_studio", "--gold", "--machine", "old", "--coded"]
    exported = CliRunner().invoke(app, ["export", str(finished.study.path), str(place), *options])
    assert exported.exit_code == 0, exported.output
    number = new_project(client, place.with_suffix(".xml").read_text())
    client.post(f"/api/projects/{number}/import", json.loads(place.read_text()))
    made = client.get(f"/api/projects/{number}/")
    assert (made["task_number"], made["total_annotations_number"]) == (20, 20)
    assert (made["ground_truth_number"], made["total_predictions_number"]) == (20, 20)

    back = {"project": number, "use": "known", "id": "unit_id"}
    path = small_study.write(tmp_path / "second", coding=CODING, design=DESIGN, adopted=[back], name="back")
    workspace = advance_until_waiting(path)
    labels = [
        each.store.read_frame(gold(n)).set_index("unit_id")["label"]
        for each, n in ((finished, 1), (workspace, 0))
    ]
    pd.testing.assert_series_equal(labels[0].sort_index(), labels[1].sort_index())


def test_images_of_a_project_are_left_there(project: int, client: Client) -> None:
    found, coders = read_project(client, AdoptedCodes.model_validate(section(project, "known")))
    assert len(found) == 31
    assert [task["data"]["Nr."] for task in found[:30]] == CORPUS["id"].head(30).tolist()
    assert {task["data"].get("Bild") for task in found} == {None}
    assert "veteran1@example.com" in coders.values()


def test_a_project_that_is_not_there_is_said(tmp_path: Path, label_studio: Services) -> None:
    path = small_study.write(tmp_path, coding=CODING, adopted=[section(987654, "known")])
    result = CliRunner().invoke(app, ["adopt", str(path)])
    assert isinstance(result.exception, StudyError)
    assert "no such project" in result.exception.message


def test_the_flow_adopts_when_it_is_due(tmp_path: Path, prefect: None) -> None:
    rows = pd.DataFrame({"unit_id": CORPUS["id"].head(9), "label": CORPUS["human"].head(9)})
    rows.to_csv(tmp_path / "codes.csv", index=False)
    section = {"file": "codes.csv", "use": "training"}
    path = small_study.write(tmp_path, design=DESIGN, adopted=[section], name="adopting-flow")
    assert adopt_flow(study=path) == "not due"
    for _ in range(2):
        advance(Workspace.open(path))
    assert "9 for training alone" in adopt_flow(study=path)
    with get_client(sync_client=True) as client:
        keys = {artifact.key for artifact in client.read_artifacts()}
    assert "adopting-flow-adopted" in keys
    assert next_step(Workspace.open(path)).stage == "open_round"
