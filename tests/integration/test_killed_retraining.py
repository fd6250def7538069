"""Killed while a classifier is retrained, the study ends with the same files as if nothing had happened."""

from pathlib import Path

import pytest
import small_study
from killed import advance_killed
from test_retrain import SECTIONS, advanced_to, corpus

from annotator.state import Step
from annotator.workspace import model_probabilities

pytestmark = pytest.mark.integration


def test_killed_after_every_file_it_goes_on_to_the_same_end(tmp_path: Path) -> None:
    finished = small_study.run_to_the_end(small_study.write(tmp_path / "undisturbed", corpus(), **SECTIONS))
    path = small_study.write(tmp_path / "killed", corpus(), **SECTIONS)
    workspace = advanced_to(path, Step("retrain", 1))
    kept = workspace.folder / "retraining"
    for n_kills in range(1, 8):  # five folds, one part of predictions, then what is kept for good
        advance_killed(path, "after")
        assert len(list(kept.rglob("*.parquet"))) == min(n_kills, 6)
    assert workspace.store.exists(model_probabilities(1))
    small_study.run_to_the_end(path)
    # A pickle of the same numbers may be packed in another order by another process.
    one, other = (
        {name: data for name, data in small_study.tables(Path(of.store.root)).items() if "pickle" not in name}
        for of in (workspace, finished)
    )
    assert one == other
    assert not kept.exists()
