"""Killed at any moment between question and answer, no batch is handed in twice."""

import signal
import subprocess
import sys
from pathlib import Path

import pytest
from batch_provider import BatchProvider
from batch_study import answers, label, study

from annotator.state import next_step
from annotator.workspace import Workspace

pytestmark = pytest.mark.integration

KILLED = """
import os, signal, sys
from annotator import store
from annotator.advance import advance
from annotator.workspace import Workspace

path, name, moment = sys.argv[1:]
write = store._write_local

def killed(place, data):
    is_it = place.name.endswith(name) and (moment != "recorded" or b': "batch_' in data)
    if is_it and moment != "after":
        os.kill(os.getpid(), signal.SIGKILL)
    write(place, data)
    if is_it:
        os.kill(os.getpid(), signal.SIGKILL)

store._write_local = killed
while not advance(Workspace.open(path)).waiting:
    pass
"""


@pytest.mark.parametrize(
    ("name", "moment"),
    [
        ("-01.questions.parquet", "before"),
        ("-01.questions.parquet", "after"),
        ("-01.batch.json", "after"),
        ("-01.batch.json", "recorded"),  # handed in, and not yet written down
        ("-01.answers.parquet", "before"),
        ("-01.answers.parquet", "after"),
        ("-02.batch.json", "recorded"),
        ("part-00001.parquet", "before"),
    ],
)
def test_killed_anywhere_nothing_is_handed_in_twice(tmp_path: Path, name: str, moment: str) -> None:
    with BatchProvider(answers) as provider:
        _killed_and_resumed(tmp_path, provider, name, moment)


def _killed_and_resumed(folder: Path, provider: BatchProvider, name: str, moment: str) -> None:
    path = study(folder, provider.base_url, n_units=600)
    killed = False
    for _ in range(4):
        command = [sys.executable, "-c", KILLED, str(path), name, moment]
        done = subprocess.run(command, capture_output=True, check=False)
        killed = done.returncode == -signal.SIGKILL
        if killed or next_step(Workspace.open(path)).stage != "label":
            break
        provider.work()
    assert killed, done.stderr.decode()
    label(path, provider)
    assert provider.paid == 600 + 450
    assert len(provider.batches) == 2
