"""What is known of a study goes to other tools, and back again."""

import json
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pytest
import small_study
from typer.testing import CliRunner

from annotator.adoption.adopting import adopted
from annotator.cli import app
from annotator.errors import StudyError
from annotator.export import results
from annotator.export.tables import write_csv
from annotator.export.wanted import Wanted
from annotator.workspace import Workspace

RUNNER = CliRunner()


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    folder = tmp_path_factory.mktemp("finished")
    return small_study.run_to_the_end(small_study.write(folder, design={"rounds": 1, "budget": 20}))


def test_tasks_hold_what_was_asked_for_and_no_more(finished: Workspace, tmp_path: Path) -> None:
    place = tmp_path / "new" / "tasks.json"
    study = str(finished.study.path)
    assert RUNNER.invoke(app, ["export", study, str(place), "--to", "label_studio"]).exit_code == 0
    bare = json.loads(place.read_text())
    assert len(bare) == 300
    assert all(set(task) == {"data"} for task in bare)
    assert bare[0]["data"] == {"unit_id": "u0000", "text": "text number 0", "party": bare[0]["data"]["party"]}
    choices = [e.get("alias") for e in ET.parse(place.with_suffix(".xml")).iter("Choice")]
    assert choices == list(small_study.CODES)

    options = ["--to", "label_studio", "--gold", "--machine", "old", "--coded"]
    assert RUNNER.invoke(app, ["export", study, str(place), *options]).exit_code == 0
    full = json.loads(place.read_text())
    assert len(full) == 20
    truth = small_study.corpus().set_index("id")
    for task in full:
        of_unit = truth.loc[task["data"]["unit_id"]]
        (gold,), (machine,) = task["annotations"], task["predictions"]
        assert gold["ground_truth"]
        assert gold["result"][0]["value"]["choices"] == [of_unit["human"]]
        assert machine["result"][0]["value"]["choices"] == [of_unit["machine"]]
        assert (machine["score"], machine["model_version"]) == (of_unit["confidence"], "old")


def test_an_export_can_be_adopted(finished: Workspace, tmp_path: Path) -> None:
    place = tmp_path / "tasks.json"
    RUNNER.invoke(app, ["export", str(finished.study.path), str(place), "--to", "label_studio", "--gold"])
    section = {"file": "tasks.json", "use": "known", "id": "unit_id"}
    other = Workspace.open(small_study.write(tmp_path, adopted=[section]))
    found = adopted(other.study, finished.units).codes["known"]
    gold = finished.store.read_frame("rounds/001/gold.parquet")
    assert found.set_index("unit_id")["label"].to_dict() == gold.set_index("unit_id")["label"].to_dict()


def test_results_as_csv(finished: Workspace, tmp_path: Path) -> None:
    result = RUNNER.invoke(app, ["export", str(finished.study.path), str(tmp_path / "t"), "--to", "csv"])
    assert result.exit_code == 0
    assert sorted(path.name for path in (tmp_path / "t").iterdir()) == [
        "estimates.csv",
        "labels.csv",
        "reliability.csv",
    ]
    rows = pd.read_csv(tmp_path / "t" / "labels.csv")
    assert rows["rectified_left"].mean() == pytest.approx(
        finished.store.read_frame("labels.parquet")["rectified_left"].mean()
    )


def test_what_cannot_be_exported_is_said(finished: Workspace, tmp_path: Path) -> None:
    study = str(finished.study.path)
    for arguments, said in (
        ([study, str(tmp_path / "x"), "--to", "stone"], "no such form"),
        ([study, str(tmp_path / "x"), "--to", "label_studio", "--machine", "new"], "no such machine"),
        ([str(small_study.write(tmp_path)), str(tmp_path / "x"), "--to", "csv"], "nothing to export yet"),
    ):
        result = RUNNER.invoke(app, ["export", *arguments])
        assert isinstance(result.exception, StudyError)
        assert said in result.exception.message


def test_an_export_that_fails_leaves_what_was_there(finished: Workspace, tmp_path: Path) -> None:
    place = tmp_path / "labels.csv"
    place.write_text("as it was")
    with pytest.raises(KeyboardInterrupt):
        write_csv(place, interrupted(finished))
    assert place.read_text() == "as it was"
    assert list(tmp_path.iterdir()) == [place]


def interrupted(workspace: Workspace) -> Iterator[pa.Table]:
    """Results that stop coming."""
    yield from results.labels(workspace, Wanted())
    raise KeyboardInterrupt


def test_texts_leave_only_when_asked(finished: Workspace, tmp_path: Path) -> None:
    study = str(finished.study.path)
    for to in ("csv", "stata", "r-dsl"):
        folder = tmp_path / to
        assert RUNNER.invoke(app, ["export", study, str(folder), "--to", to]).exit_code == 0
        assert not [
            path for path in folder.rglob("*") if path.is_file() and b"text number" in path.read_bytes()
        ]
    assert RUNNER.invoke(app, ["export", study, str(tmp_path), "--to", "csv", "--text"]).exit_code == 0
    assert pd.read_csv(tmp_path / "labels.csv")["text"].tolist() == finished.units["text"].tolist()
