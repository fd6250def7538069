"""Label Studio is killed while people code: two rounds of the benchmark of that name, in small."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.integration

PROGRAM = Path(__file__).parents[2] / "benchmarks" / "label_studio_kills.py"


def test_no_code_is_lost_or_doubled(tmp_path: Path) -> None:
    path = tmp_path / "figures.json"
    sizes = {"rounds": 2, "units": 20, "coders": 4, "kills": 4, "seed": 1}
    options = [f"--{option}={value}" for option, value in sizes.items()]
    played = subprocess.run(
        [sys.executable, PROGRAM, *options, f"--json={path}"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert played.returncode == 0, played.stdout + played.stderr
    figures = json.loads(path.read_text())
    assert figures["kills"] == 4
    assert figures["units sent"] == 40
    assert figures["codes acknowledged to the coders"] >= 46  # 15 % of the units are coded by two
    assert figures["codes lost"] == figures["codes doubled"] == 0
    assert figures["tasks a unit, least"] == figures["tasks a unit, most"] == 1
    assert figures["units with fewer codes than asked"] == 0
