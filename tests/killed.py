"""A process that advances a study and is killed as it writes a file: nothing of it gets to clean up."""

import signal
import subprocess
import sys
from pathlib import Path
from typing import Literal

PROGRAM = """
import os, signal, sys
from annotator import store
from annotator.advance import advance
from annotator.workspace import Workspace

path, kill_at, moment = sys.argv[1], int(sys.argv[2]), sys.argv[3]
writes = 0

def counted(write):
    def counting(*given):
        global writes
        writes += 1
        if writes == kill_at and moment == "before":
            os.kill(os.getpid(), signal.SIGKILL)
        write(*given)
        if writes == kill_at:
            os.kill(os.getpid(), signal.SIGKILL)
    return counting

store._write_local, store.Store.upload = counted(store._write_local), counted(store.Store.upload)
workspace = Workspace.open(path)
while not advance(workspace).is_last:
    pass
"""


def advance_killed(study: Path, moment: Literal["before", "after"] = "before", write: int = 1) -> None:
    """Advance until the ``write``-th file is to be written, or just has been; be killed there."""
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, str(study), str(write), moment], capture_output=True, check=False
    )
    assert done.returncode == -signal.SIGKILL, done.stderr.decode()
