"""One SQLite file in write-ahead mode, shared by any number of threads and processes of this machine.

What was written is there after ``kill -9``. It needs a local disk; a network file system cannot hold it.
"""

import contextlib
import json
import os
import random
import sqlite3
import threading
import time
from collections.abc import Iterator
from pathlib import Path

from annotator.errors import AnnotatorError, BusyError, StudyError

_BUSY_SECONDS = 30.0
_CREATE = """
CREATE TABLE IF NOT EXISTS replies (
    key TEXT PRIMARY KEY, reply TEXT NOT NULL, model TEXT NOT NULL, created REAL NOT NULL
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS spent (
    annotator TEXT PRIMARY KEY, tokens_in INTEGER NOT NULL, tokens_out INTEGER NOT NULL
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS held (
    id INTEGER PRIMARY KEY, annotator TEXT NOT NULL, cost REAL NOT NULL,
    process INTEGER NOT NULL, started REAL NOT NULL
);
CREATE TABLE IF NOT EXISTS claims (
    key TEXT PRIMARY KEY, process INTEGER NOT NULL, started REAL NOT NULL
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS pace (name TEXT PRIMARY KEY, free_at REAL NOT NULL) WITHOUT ROWID;
"""


class Database:
    """Replies, what was spent on them, and the pace of asking. Safe to inherit by a forked process.

    Args:
        path: the SQLite file; made, with its folder, when first used.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lock = threading.Lock()
        self._connection: sqlite3.Connection | None = None
        self._owner = 0

    def close(self) -> None:
        """Close the file; the next use opens it again."""
        with self._lock:
            if self._connection is not None and self._owner == os.getpid():
                self._connection.close()
            self._connection = None

    @contextlib.contextmanager
    def connected(self) -> Iterator[sqlite3.Connection]:
        """The connection, for one thread at a time; every statement is its own transaction.

        Raises BusyError when another process keeps the file locked, StudyError when it is damaged.
        """
        with self._lock, self._explained():
            if self._connection is None or self._owner != os.getpid():
                self._connection = self._open()
                self._owner = os.getpid()
            yield self._connection

    @contextlib.contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """The same, where all statements count or none does."""
        with self.connected() as connection:
            connection.execute("BEGIN IMMEDIATE")
            try:
                yield connection
            except BaseException:
                connection.rollback()
                raise
            connection.execute("COMMIT")

    def _open(self) -> sqlite3.Connection:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        connection = sqlite3.connect(
            self.path, timeout=_BUSY_SECONDS, isolation_level=None, check_same_thread=False
        )
        try:
            _use_write_ahead_log(connection)
            connection.execute("PRAGMA synchronous = NORMAL")
            connection.executescript(_CREATE)
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
