"""Killed while a classifier is retrained, the study ends with the same files as if nothing had happened."""

import signal
import subprocess
import sys
from pathlib import Path

import pytest
import small_study
from test_retrain import SECTIONS, advanced_to, corpus

from annotator.state import Step
from annotator.workspace import model_probabilities

pytestmark = pytest.mark.integration

RUN_UNTIL_KILLED = """
import os, signal, sys
from annotator import store
from annotator.advance import advance
from annotator.workspace import Workspace

write = store._write_local
def killing(place, data):
    write(place, data)
    os.kill(os.getpid(), signal.SIGKILL)
store._write_local = killing
advance(Workspace.open(sys.argv[1]))
"""


def test_killed_after_every_file_it_goes_on_to_the_same_end(tmp_path: Path) -> None:
    finished = small_study.run_to_the_end(small_study.write(tmp_path / "undisturbed", corpus(), **SECTIONS))
    path = small_study.write(tmp_path / "killed", corpus(), **SECTIONS)
    workspace = advanced_to(path, Step("retrain", 1))
    kept = workspace.folder / "retraining"
    for n_kills in range(1, 8):  # five folds, one part of predictions, then what is kept for good
        killed = subprocess.run(
            [sys.executable, "-c", RUN_UNTIL_KILLED, str(path)], capture_output=True, check=False
        )
        assert killed.returncode == -signal.SIGKILL, killed.stderr.decode()
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
