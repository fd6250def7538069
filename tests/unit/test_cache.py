import signal
import sqlite3
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from annotator.errors import AnnotatorError, BusyError, StudyError
from annotator.labeling import database
from annotator.labeling.cache import ReplyCache, cache_key

WRITER = """
import itertools, sys
from pathlib import Path
from annotator.labeling.cache import ReplyCache
cache = ReplyCache(Path(sys.argv[1]))
first, last = int(sys.argv[2]), int(sys.argv[3])
for number in range(first, last):
    cache.put(f"key-{number}", {"number": number})
    print(number, flush=True)
"""


def writer(path: Path, first: int, last: int) -> "subprocess.Popen[str]":
    command = [sys.executable, "-c", WRITER, str(path), str(first), str(last)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


def test_a_reply_comes_back_as_it_was_put(tmp_path: Path) -> None:
    cache = ReplyCache(tmp_path / "deep" / "replies.sqlite")
    assert cache.get("a") is None
    cache.put("a", {"text": "\u00e9 \x00 \U0001f600", "tokens": [1, 2]}, model="m")
    cache.close()
    again = ReplyCache(tmp_path / "deep" / "replies.sqlite")
    assert again.get("a") == {"text": "\u00e9 \x00 \U0001f600", "tokens": [1, 2]}
    assert len(again) == 1
    again.close()


def test_the_first_reply_of_a_key_stays(tmp_path: Path) -> None:
    cache = ReplyCache(tmp_path / "replies.sqlite")
    cache.put("a", {"n": 1})
    cache.put("a", {"n": 2})
    assert cache.get("a") == {"n": 1}
    cache.close()


def test_many_keys_are_found_at_once(tmp_path: Path) -> None:
    cache = ReplyCache(tmp_path / "replies.sqlite")
    for number in range(0, 1300, 2):
        cache.put(str(number), {"n": number})
    found = cache.get_many(str(number) for number in range(1300))
    assert found == {str(number): {"n": number} for number in range(0, 1300, 2)}
    cache.close()


def test_the_key_depends_on_everything() -> None:
    parts = {"model": "m", "temperature": 0.0, "messages": [{"role": "user", "content": "x"}]}
    keys = {
        cache_key(**parts),
        cache_key(**{**parts, "model": "n"}),
        cache_key(**{**parts, "temperature": 0.5}),
        cache_key(**{**parts, "messages": [{"role": "user", "content": "y"}]}),
    }
    assert len(keys) == 4
    assert cache_key(**dict(reversed(parts.items()))) == cache_key(**parts)


def test_processes_write_at_the_same_time(tmp_path: Path) -> None:
    path = tmp_path / "replies.sqlite"
    spans = [(0, 150), (50, 200), (100, 250)]
    writers = [writer(path, *span) for span in spans]
    for process in writers:
        process.communicate()
    assert [process.returncode for process in writers] == [0, 0, 0]
    cache = ReplyCache(path)
    assert len(cache) == 250
    cache.close()


def test_threads_share_a_cache(tmp_path: Path) -> None:
    cache = ReplyCache(tmp_path / "replies.sqlite")

    def work(start: int) -> None:
        for number in range(start, start + 50):
            cache.put(str(number), {"n": number})

    threads = [threading.Thread(target=work, args=(start,)) for start in (0, 25, 50)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(cache) == 100
    cache.close()


def test_a_reply_that_was_put_survives_kill_9(tmp_path: Path) -> None:
    path = tmp_path / "replies.sqlite"
    process = writer(path, 0, 1_000_000)
    assert process.stdout is not None
    lines = [process.stdout.readline() for _ in range(40)]
    process.send_signal(signal.SIGKILL)
    lines += process.communicate()[0].splitlines(keepends=True)
    acknowledged = [line.strip() for line in lines if line.endswith("\n")]
    assert len(acknowledged) >= 40
    cache = ReplyCache(path)
    assert len(cache.get_many(f"key-{number}" for number in acknowledged)) == len(acknowledged)
    cache.close()


def test_a_damaged_file_is_explained(tmp_path: Path) -> None:
    path = tmp_path / "replies.sqlite"
    path.write_bytes(b"this is no database" * 100)
    with pytest.raises(StudyError, match="damaged") as caught:
        ReplyCache(path).get("a")
    assert str(path) in caught.value.message
    assert "away" in (caught.value.hint or "")


def test_a_file_damaged_in_the_middle_is_explained(tmp_path: Path) -> None:
    path = tmp_path / "replies.sqlite"
    cache = ReplyCache(path)
    for number in range(2000):
        cache.put(f"{number:05}", {"text": "x" * 50})
    cache.close()
    content = bytearray(path.read_bytes())
    content[4096:] = b"\xff" * (len(content) - 4096)
    path.write_bytes(bytes(content))
    broken = ReplyCache(path)
    with pytest.raises(StudyError, match="damaged"):
        broken.get_many(f"{number:05}" for number in range(2000))
    broken.close()


def test_a_folder_that_cannot_be_made_is_explained(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(AnnotatorError, match="cannot be made"):
        ReplyCache(tmp_path / "file" / "replies.sqlite").get("a")


def test_a_locked_file_says_try_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(database, "_BUSY_SECONDS", 0.05)
    path = tmp_path / "replies.sqlite"
    cache = ReplyCache(path)
    cache.put("a", {})
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(BusyError):
        cache.put("b", {})
    other.execute("ROLLBACK")
    other.close()
    cache.put("b", {})
    assert len(cache) == 2
    cache.close()
