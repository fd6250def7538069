"""Replies that were paid for, kept so that they are never paid for again.

One SQLite file, in write-ahead mode: any number of processes may read and write it, and a reply that was
put is there after ``kill -9``. It needs a local disk; a network file system cannot hold it.
"""

import contextlib
import hashlib
import json
import os
import random
import sqlite3
import threading
import time
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from annotator.errors import AnnotatorError, BusyError, StudyError

Reply = dict[str, Any]

_BUSY_SECONDS = 30.0
_KEYS_A_QUERY = 500
_CREATE = """
CREATE TABLE IF NOT EXISTS replies (
    key TEXT PRIMARY KEY, reply TEXT NOT NULL, model TEXT NOT NULL, created REAL NOT NULL
) WITHOUT ROWID
"""


def cache_key(**parts: object) -> str:
    """The SHA-256 of everything a reply depends on, as a JSON object.

    >>> cache_key(model="m", temperature=0.0) == cache_key(temperature=0.0, model="m")
    True
    """
    text = json.dumps(parts, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


class ReplyCache:
    """Replies by key. Safe to share between threads and to inherit by a forked process.

    Args:
        path: the SQLite file; made, with its folder, when first used.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lock = threading.Lock()
        self._connection: sqlite3.Connection | None = None
        self._owner = 0

    def get(self, key: str) -> Reply | None:
        """The reply of this key, if there is one."""
        return self.get_many([key]).get(key)

    def get_many(self, keys: Iterable[str]) -> dict[str, Reply]:
        """The replies there are, by key."""
        wanted = list(dict.fromkeys(keys))
        found: dict[str, Reply] = {}
        with self._connected() as connection:
            for start in range(0, len(wanted), _KEYS_A_QUERY):
                part = wanted[start : start + _KEYS_A_QUERY]
                marks = ",".join("?" * len(part))
                rows = connection.execute(f"SELECT key, reply FROM replies WHERE key IN ({marks})", part)
                found.update((key, json.loads(reply)) for key, reply in rows)
        return found

    def put(self, key: str, reply: Mapping[str, Any], *, model: str = "") -> None:
        """Keep a reply; on return it is on disk. The first reply of a key stays."""
        row = (key, json.dumps(reply), model, time.time())
        with self._connected() as connection:
            connection.execute("INSERT OR IGNORE INTO replies VALUES (?, ?, ?, ?)", row)

    def __len__(self) -> int:
        with self._connected() as connection:
            return int(connection.execute("SELECT count(*) FROM replies").fetchone()[0])

    def close(self) -> None:
        """Close the file; the next use opens it again."""
        with self._lock:
            if self._connection is not None and self._owner == os.getpid():
                self._connection.close()
            self._connection = None

    def remove(self) -> None:
        """Close the file and delete it with its companions."""
        self.close()
        for suffix in ("", "-wal", "-shm"):
            self.path.with_name(self.path.name + suffix).unlink(missing_ok=True)

    @contextlib.contextmanager
    def _connected(self) -> Iterator[sqlite3.Connection]:
        with self._lock, self._explained():
            if self._connection is None or self._owner != os.getpid():
                self._connection = self._open()
                self._owner = os.getpid()
            yield self._connection

    def _open(self) -> sqlite3.Connection:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        connection = sqlite3.connect(
            self.path, timeout=_BUSY_SECONDS, isolation_level=None, check_same_thread=False
        )
        try:
            _use_write_ahead_log(connection)
            connection.execute("PRAGMA synchronous = NORMAL")
            connection.execute(_CREATE)
        except sqlite3.Error:
            connection.close()
            raise
        return connection

    @contextlib.contextmanager
    def _explained(self) -> Iterator[None]:
        """Turn SQLite's errors into ours."""
        try:
            yield
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode & 0xFF in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
                raise BusyError(
                    f"the reply cache {self.path} has been locked for {_BUSY_SECONDS:.0f} seconds",
                    hint="Another process is writing to it; try again when it has finished.",
                ) from error
            raise AnnotatorError(
                f"the reply cache {self.path} cannot be used: {error}",
                hint="Check that its folder can be written and the disk is not full.",
            ) from error
        except OSError as error:
            raise AnnotatorError(
                f"the reply cache {self.path} cannot be made: {error.strerror}",
                hint="Check that its folder can be written.",
            ) from error
        except (sqlite3.DatabaseError, json.JSONDecodeError) as error:
            raise StudyError(
                f"the reply cache {self.path} is damaged: {error}",
                hint="Move it and its -wal and -shm companions away and run again: labels already written "
                "stay, only replies not yet in a table are asked for, and paid for, again.",
            ) from error


def _use_write_ahead_log(connection: sqlite3.Connection) -> None:
    """Switch the file's mode, and wait while another process is at it, as SQLite itself does not."""
    patience = time.monotonic() + _BUSY_SECONDS
    while True:
        try:
            connection.execute("PRAGMA journal_mode = WAL")
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY or time.monotonic() > patience:
                raise
            time.sleep(random.uniform(0.01, 0.05))
        else:
            return
