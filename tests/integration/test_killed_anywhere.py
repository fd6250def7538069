"""Killed at many places, the study ends with the same files as if nothing had happened."""

from collections.abc import Callable
from pathlib import Path

import adjudicated_study
import pytest
import small_study
from killed import advance_killed

pytestmark = pytest.mark.integration


@pytest.mark.parametrize("write", [small_study.write, adjudicated_study.write], ids=["plain", "adjudicated"])
def test_killed_at_many_writes_the_result_is_the_same(tmp_path: Path, write: Callable[[Path], Path]) -> None:
    finished = small_study.run_to_the_end(write(tmp_path / "undisturbed"))
    path = write(tmp_path / "killed")
    # Every file of round 1, then the second files of the stages that write two.
    kills = [(1, "after")] * 8 + [(2, "before"), (2, "after"), (2, "before"), (2, "after")]
    for kill_at, moment in kills:
        advance_killed(path, moment, write=kill_at)
    workspace = small_study.run_to_the_end(path)
    assert small_study.tables(Path(workspace.store.root)) == small_study.tables(Path(finished.store.root))
