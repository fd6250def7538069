"""The label stage reads the corpus a few shards at a time."""

import subprocess
import sys
from pathlib import Path

import pyarrow as pa
import pytest
import small_study

from annotator.stages.ingest import ingest
from annotator.stages.label import label
from annotator.store import Store
from annotator.workspace import CORPUS, Workspace

PEAK = """
import resource, sys
from annotator.labeling.protocol import MachineLabel
from annotator.stages import label as stage
from annotator.workspace import Workspace

class Quick:
    name = "old"
    def label(self, units):
        return [MachineLabel(u.unit_id, "old", "left", 0.5, None, "ok", "left", None, 1, 1, 0.0, 0.0, 1)
                for u in units]

stage.build = lambda *_: Quick()
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
stage.label(Workspace.open(sys.argv[1]))
print(before, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
"""


@pytest.mark.parametrize("row_group_size", [None, 10, 7, 1, 1000])
def test_slices_are_the_rows_they_name(tmp_path: Path, row_group_size: int | None) -> None:
    store = Store(str(tmp_path))
    table = pa.table({"n": range(95), "other": ["x"] * 95})
    store.write("a.parquet", table, row_group_size=row_group_size)
    slices = [(0, 10), (10, 20), (40, 50), (90, 95)]
    found = [part["n"].to_pylist() for part in store.read_slices("a.parquet", ["n"], slices)]
    assert found == [list(range(start, stop)) for start, stop in slices]
    assert list(store.read_slices("a.parquet", ["n"], [])) == []


def test_labelling_never_holds_the_corpus(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    workspace = Workspace.open(small_study.write(tmp_path, small_study.corpus(1300)))
    ingest(workspace)

    def refused(_: Workspace) -> None:
        raise AssertionError("the whole corpus was read")

    monkeypatch.setattr(Workspace, "units", property(refused))
    label(workspace)
    monkeypatch.undo()
    labels = workspace.machine_labels("old")
    assert labels["unit_id"].tolist() == workspace.units["unit_id"].tolist()
    assert labels["label"].tolist() == small_study.corpus(1300)["machine"].tolist()


def test_memory_does_not_grow_with_the_corpus(tmp_path: Path) -> None:
    """120 MB of texts pass through in a few MB."""
    workspace = Workspace.open(small_study.write(tmp_path))
    n_units = 120_000
    texts = [f"{number} ".ljust(1000, "x") for number in range(n_units)]
    table = pa.table({"unit_id": [str(number) for number in range(n_units)], "text": texts})
    workspace.store.write(CORPUS, table, row_group_size=5000)
    shown = subprocess.run(
        [sys.executable, "-c", PEAK, str(workspace.study.path)], capture_output=True, text=True, check=True
    )
    before, peak = map(int, shown.stdout.split())
    assert (peak - before) / 1024 < 60
