"""The first stage: what is wrong is refused before anything is spent, what may still come is only said."""

from pathlib import Path
from typing import Any

import adjudicated_study
import pytest
import small_study

from annotator.coding.build import TOKEN_VARIABLE
from annotator.errors import CorpusError, StudyError
from annotator.stages.ingest import ingest
from annotator.workspace import Workspace

LABEL_STUDIO = {"kind": "label_studio"}
REPLAYED = {"name": "old", "kind": "replay", "label": "machine", "confidence": "confidence"}


@pytest.fixture(autouse=True)
def nothing_known(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No services here, whatever else runs, and no token."""
    monkeypatch.setenv("ANNOTATOR_SERVICES", str(tmp_path))
    monkeypatch.delenv(TOKEN_VARIABLE, raising=False)


@pytest.mark.parametrize(
    "changes",
    [
        {"machine": [REPLAYED, {"name": "other", "kind": "replay", "label": "nix"}]},
        {"machine": [{**REPLAYED, "confidence": "nix"}]},
        {"coding": {**adjudicated_study.CODING, "column": "nix"}},
        {"coding": {**adjudicated_study.CODING, "second": "nix"}},
        {"coding": {**adjudicated_study.CODING, "adjudicator": "nix"}},
    ],
)
def test_a_column_to_replay_that_is_not_there_is_refused(tmp_path: Path, changes: dict[str, Any]) -> None:
    path = adjudicated_study.write(tmp_path, **changes)
    with pytest.raises(CorpusError, match=r"corpus\.csv has no column 'nix'\nIts columns are: id, text"):
        ingest(Workspace.open(path))
    assert not (tmp_path / "out").exists()
    mended = adjudicated_study.write(tmp_path)  # nothing has been pinned
    assert ingest(Workspace.open(mended)) == "300 units read"


def test_replayed_columns_are_kept_out_of_the_corpus(tmp_path: Path) -> None:
    workspace = Workspace.open(adjudicated_study.write(tmp_path))
    ingest(workspace)
    assert list(workspace.units.columns) == ["unit_id", "text", "party", "content_hash"]


def test_a_label_studio_may_be_started_later(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    none = ingest(Workspace.open(small_study.write(tmp_path / "a", coding=LABEL_STUDIO)))
    assert none.startswith("300 units read. Needed before people can code: ")
    assert "no Label Studio is known" in none
    assert "`annotator up`" in none
    elsewhere = {**LABEL_STUDIO, "url": "http://127.0.0.1:9"}  # nobody listens, and nobody is asked
    no_token = ingest(Workspace.open(small_study.write(tmp_path / "b", coding=elsewhere)))
    assert "no access token for the Label Studio at http://127.0.0.1:9" in no_token
    for blank in ("", " \n"):
        monkeypatch.setenv(TOKEN_VARIABLE, blank)
        assert ingest(Workspace.open(small_study.write(tmp_path / "b", coding=elsewhere))) == no_token
    monkeypatch.setenv(TOKEN_VARIABLE, "f" * 40)
    assert ingest(Workspace.open(small_study.write(tmp_path / "c", coding=elsewhere))) == "300 units read"


def test_a_label_studio_that_texts_may_not_go_to_is_refused(tmp_path: Path) -> None:
    path = small_study.write(tmp_path, coding={**LABEL_STUDIO, "url": "http://9.9.9.9"}, privacy="local_only")
    with pytest.raises(StudyError, match="coding would send texts to"):
        ingest(Workspace.open(path))
    assert not (tmp_path / "out").exists()
