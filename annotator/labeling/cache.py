"""Replies that were paid for, kept so that they are never paid for again."""

import hashlib
import json
import sqlite3
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from annotator.labeling.database import Database

Reply = dict[str, Any]

_KEYS_A_QUERY = 500
_SPEND = """
INSERT INTO spent VALUES (?, ?, ?) ON CONFLICT (annotator) DO UPDATE SET
    tokens_in = tokens_in + excluded.tokens_in, tokens_out = tokens_out + excluded.tokens_out
"""


def cache_key(**parts: object) -> str:
    """The SHA-256 of everything a reply depends on, as a JSON object.

    >>> cache_key(model="m", temperature=0.0) == cache_key(temperature=0.0, model="m")
    True
    """
    text = json.dumps(parts, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class Payment:
    """What a reply took: tokens of the prompt and of the reply, on whose account."""

    annotator: str
    tokens_in: int
    tokens_out: int


@dataclass(frozen=True, slots=True)
class Kept:
    """The replies of one model: how many, how large (bytes), and when the first and the last came (epoch)."""

    model: str
    replies: int
    size: int
    oldest: float
    newest: float


class ReplyCache:
    """Replies by key, in a file any number of processes may read and write.

    Args:
        path: the file; made, with its folder, when first used.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.database = Database(path)

    def get(self, key: str) -> Reply | None:
        """The reply of this key, if there is one."""
        with self.database.connected() as connection:
            row = connection.execute("SELECT reply FROM replies WHERE key = ?", (key,)).fetchone()
            return None if row is None else json.loads(row[0])

    def get_many(self, keys: Iterable[str]) -> dict[str, Reply]:
        """The replies there are, by key."""
        wanted = list(dict.fromkeys(keys))
        found: dict[str, Reply] = {}
        with self.database.connected() as connection:
            for start in range(0, len(wanted), _KEYS_A_QUERY):
                part = wanted[start : start + _KEYS_A_QUERY]
                marks = ",".join("?" * len(part))
                rows = connection.execute(f"SELECT key, reply FROM replies WHERE key IN ({marks})", part)
                found.update((key, json.loads(reply)) for key, reply in rows)
        return found

    def put(
        self,
        key: str,
        reply: Mapping[str, Any],
        *,
        model: str = "",
        payment: Payment | None = None,
        replace: bool = False,
    ) -> None:
        """Keep a reply and count what it took; on return both are on disk, and never one without the other.

        The first reply of a key stays, unless it is to be replaced.
        """
        row = (key, json.dumps(reply), model, time.time())
        with self.database.transaction() as connection:
            connection.execute(
                f"INSERT OR {'REPLACE' if replace else 'IGNORE'} INTO replies VALUES (?, ?, ?, ?)", row
            )
            if payment is not None:
                paid = (payment.annotator, payment.tokens_in, payment.tokens_out)
                connection.execute(_SPEND, paid)

    def spent(self, annotator: str) -> tuple[int, int]:
        """Tokens in and out of all replies this annotator ever got, pruned and replaced ones included."""
        with self.database.connected() as connection:
            return spent_tokens(connection, annotator)

    def kept(self, model: str | None = None, before: float | None = None) -> list[Kept]:
        """What is kept by model; only that of one model, or what came before a time, where asked."""
        where, values = _where(model, before)
        query = (
            "SELECT model, count(*), sum(length(CAST(reply AS BLOB)) + length(key)), min(created), "
            f"max(created) FROM replies {where} GROUP BY model ORDER BY model"
        )
        with self.database.connected() as connection:
            return [Kept(*row) for row in connection.execute(query, values)]

    def prune(self, model: str | None = None, before: float | None = None) -> int:
        """Remove what ``kept`` shows for the same arguments, give the space back, and say how many went.

        What was spent stays counted.
        """
        where, values = _where(model, before)
        with self.database.connected() as connection:
            n_gone = connection.execute(f"DELETE FROM replies {where}", values).rowcount
            connection.execute("VACUUM")
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        return n_gone

    def __len__(self) -> int:
        with self.database.connected() as connection:
            return int(connection.execute("SELECT count(*) FROM replies").fetchone()[0])

    def close(self) -> None:
        """Close the file; the next use opens it again."""
        self.database.close()


def spent_tokens(connection: sqlite3.Connection, annotator: str) -> tuple[int, int]:
    """Tokens in and out of all replies this annotator ever got."""
    query = "SELECT tokens_in, tokens_out FROM spent WHERE annotator = ?"
    row = connection.execute(query, (annotator,)).fetchone()
    return (0, 0) if row is None else (int(row[0]), int(row[1]))


def _where(model: str | None, before: float | None) -> tuple[str, list[object]]:
    tests = {"model = ?": model, "created < ?": before}
    asked = {test: value for test, value in tests.items() if value is not None}
    return (f"WHERE {' AND '.join(asked)}" if asked else ""), list(asked.values())
