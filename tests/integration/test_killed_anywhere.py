"""Killed at many places, the study ends with the same files as if nothing had happened."""

import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import adjudicated_study
import pytest
import small_study

pytestmark = pytest.mark.integration

RUN_UNTIL_KILLED = """
import os, signal, sys
from annotator import store
from annotator.advance import advance
from annotator.workspace import Workspace

path, kill_at, moment = sys.argv[1], int(sys.argv[2]), sys.argv[3]
writes, write = 0, store._write_local

def counted(place, data):
    global writes
    writes += 1
    if writes == kill_at and moment == "before":
        os.kill(os.getpid(), signal.SIGKILL)
    write(place, data)
    if writes == kill_at:
        os.kill(os.getpid(), signal.SIGKILL)

store._write_local = counted
workspace = Workspace.open(path)
while advance(workspace).step.stage != "done":
    pass
"""


@pytest.mark.parametrize("write", [small_study.write, adjudicated_study.write], ids=["plain", "adjudicated"])
def test_killed_at_many_writes_the_result_is_the_same(tmp_path: Path, write: Callable[[Path], Path]) -> None:
    finished = small_study.run_to_the_end(write(tmp_path / "undisturbed"))
    path = write(tmp_path / "killed")
    # Every file of round 1, then the second files of the stages that write two.
    kills = [(1, "after")] * 8 + [(2, "before"), (2, "after"), (2, "before"), (2, "after")]
    for kill_at, moment in kills:
        killed = subprocess.run(
            [sys.executable, "-c", RUN_UNTIL_KILLED, str(path), str(kill_at), moment],
            capture_output=True,
            check=False,
        )
        assert killed.returncode == -signal.SIGKILL, killed.stderr.decode()
    workspace = small_study.run_to_the_end(path)
    assert small_study.tables(Path(workspace.store.root)) == small_study.tables(Path(finished.store.root))
