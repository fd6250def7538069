from importlib.machinery import ModuleSpec
from pathlib import Path

import pytest
import small_study

from annotator import runner, study_file
from annotator.advance import advance
from annotator.check import check
from annotator.errors import StudyError
from annotator.runner import Runner
from annotator.stages.bundles import Bundle, bundles, deal, label_bundle
from annotator.workspace import Workspace, shard


def not_there(name: str) -> ModuleSpec | None:
    return None


def test_one_worker_in_this_process_is_the_default(tmp_path: Path) -> None:
    assert study_file.read(small_study.write(tmp_path)).runner == Runner(kind="threads", workers=1)


@pytest.mark.parametrize(
    ("section", "said"),
    [
        ({"kind": "spark"}, "runner.kind: expected 'threads', 'dask' or 'ray'"),
        ({"kind": "dask", "workers": 0}, "runner.workers"),
        ({"kind": "ray", "worker": 2}, "did you mean 'workers'"),
        ({"kind": "threads", "address": "tcp://10.0.0.1:8786"}, "use dask or ray"),
    ],
)
def test_a_wrong_runner_is_named(tmp_path: Path, section: dict[str, object], said: str) -> None:
    with pytest.raises(StudyError, match="runner") as caught:
        study_file.read(small_study.write(tmp_path, runner=section))
    assert said in str(caught.value)


@pytest.mark.parametrize("kind", ["dask", "ray"])
def test_a_package_that_is_missing_is_named_with_its_extra(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    monkeypatch.setattr(runner, "find_spec", not_there)
    workspace = Workspace.open(small_study.write(tmp_path, runner={"kind": kind}))
    (finding,) = [finding for finding in check(workspace) if finding.what == "runner"]
    assert finding.error is not None
    assert f"prefect-{kind}" in finding.error.message
    assert f"annotator[{kind}]" in str(finding.error.hint)


def test_threads_need_no_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runner, "find_spec", not_there)
    Runner().check(local_only=True)


@pytest.mark.parametrize("n_shards", [0, 1, 9, 10, 11, 2000, 2001, 200_000])
@pytest.mark.parametrize("n_workers", [1, 2, 7])
def test_every_shard_is_dealt_once_into_few_bundles(n_shards: int, n_workers: int) -> None:
    dealt = deal(list(range(n_shards)), n_workers)
    assert [index for bundle in dealt for index in bundle] == list(range(n_shards))
    assert len(dealt) <= 200
    assert len(dealt) >= min(n_workers, n_shards) / 2


def test_a_bundle_given_out_again_costs_only_what_was_not_written(tmp_path: Path) -> None:
    path = small_study.write(tmp_path, small_study.corpus(1200), runner={"workers": 2})
    advance(Workspace.open(path))
    workspace = Workspace.open(path)
    assert bundles(workspace) == [Bundle("old", (0, 1)), Bundle("old", (2,))]
    assert label_bundle(workspace, Bundle("old", (1,))) == 1
    written = Path(workspace.store.address(shard("old", 1))).stat().st_mtime_ns
    assert bundles(workspace) == [Bundle("old", (0,)), Bundle("old", (2,))]
    assert label_bundle(workspace, Bundle("old", (0, 1, 2))) == 2
    assert Path(workspace.store.address(shard("old", 1))).stat().st_mtime_ns == written
    assert str(Bundle("old", (0, 1))) == "shards 0 to 1 with old"
