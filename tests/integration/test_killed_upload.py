"""Killed while a classifier is put to an output that is not on this machine, the study ends the same."""

from pathlib import Path

import pytest
import small_study
from killed import advance_killed
from test_retrain import SECTIONS, advanced_to, corpus

from annotator.state import Step

pytestmark = pytest.mark.integration
CARD = "models/round-001/tfidf_logistic/checkpoint.json"


def test_killed_after_every_file_that_is_sent_it_goes_on_to_the_same_end(tmp_path: Path) -> None:
    sections = SECTIONS | {"design": SECTIONS["design"] | {"rounds": 1, "budget": 40}}
    finished = small_study.run_to_the_end(small_study.write(tmp_path / "undisturbed", corpus(), **sections))
    output = {"output": f"dir::file://{tmp_path}/elsewhere"}  # a file system that is not the local one
    path = small_study.write(tmp_path / "killed", corpus(), **sections | output)
    workspace = advanced_to(path, Step("retrain", 1))
    for _ in range(5):  # the folds, here
        advance_killed(path, "after")
    n_files = 0
    while not workspace.store.exists(CARD):
        n_files += 1
        advance_killed(path, "after", write=n_files)
    assert n_files > 1
    small_study.run_to_the_end(path)
    for name, data in small_study.tables(Path(finished.store.root)).items():
        # A pickle of the same numbers may be packed in another order by another process.
        assert "pickle" in name or workspace.store.read_bytes(name) == data, name
