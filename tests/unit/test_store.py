"""Files appear whole or not at all."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pyarrow as pa
import pytest

from annotator.errors import ServiceError
from annotator.store import Store

TABLE = pa.table({"unit_id": ["a", "b"]})


@pytest.mark.parametrize("url", ["{tmp}", "memory://store"])
def test_a_table_comes_back_with_its_metadata(tmp_path: Path, url: str) -> None:
    store = Store(url.format(tmp=tmp_path))
    assert not store.exists("rounds/001/gold.parquet")
    store.write("rounds/001/gold.parquet", TABLE, {"round": 1, "reason": "uniform"})
    assert store.read("rounds/001/gold.parquet").column("unit_id").to_pylist() == ["a", "b"]
    assert store.metadata("rounds/001/gold.parquet") == {"round": 1, "reason": "uniform"}


def test_the_same_table_gives_the_same_bytes(tmp_path: Path) -> None:
    store = Store(str(tmp_path))
    store.write("a.parquet", TABLE, {"x": 1})
    store.write("b.parquet", TABLE, {"x": 1})
    assert store.read_bytes("a.parquet") == store.read_bytes("b.parquet")


def test_a_killed_writer_leaves_the_old_file(tmp_path: Path) -> None:
    store = Store(str(tmp_path))
    store.write_bytes("report.html", b"old")
    script = (
        "import os, signal, pathlib\n"
        "from annotator.store import Store\n"
        "pathlib.Path.replace = lambda *_: os.kill(os.getpid(), signal.SIGKILL)\n"
        f"Store({str(tmp_path)!r}).write_bytes('report.html', b'new')\n"
    )
    done = subprocess.run([sys.executable, "-c", script], check=False)
    assert done.returncode == -signal.SIGKILL
    assert store.read_bytes("report.html") == b"old"
    assert len(list(tmp_path.iterdir())) == 2
    store.sweep()
    assert [path.name for path in tmp_path.iterdir()] == ["report.html"]


def test_unusable_places_are_clear_errors(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(ServiceError, match="cannot use"):
        Store(str(tmp_path / "file")).write("a.parquet", TABLE)
    (tmp_path / "half.parquet").write_bytes(b"PAR1 half")
    with pytest.raises(ServiceError, match="not a whole Parquet file"):
        Store(str(tmp_path)).read("half.parquet")


def test_a_full_disk_is_retryable_and_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(ServiceError, match="No space left") as caught:
        Store(str(tmp_path)).write("a.parquet", TABLE)
    assert caught.value.retryable
    assert list(tmp_path.iterdir()) == []
