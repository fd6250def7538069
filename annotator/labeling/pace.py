"""So many requests, or tokens, a minute, and no more: over all processes of this machine together."""

import asyncio
import time
from collections.abc import Awaitable, Callable

from annotator.labeling.database import Database

BURST_SECONDS = 0.25


class Pace:
    """A token bucket, kept as the time at which its next token is free (the generic cell rate algorithm).

    What is not used within ``BURST_SECONDS`` is gone, so that any minute sees at most the limit and what
    that quarter of a second is worth. The time is in the database: processes that share the file share the
    bucket, and a restart finds it as it was left.

    Args:
        database: where the bucket is.
        name: the bucket's name there.
        per_minute: how much may be taken a minute; None means no limit.
        sleep: waits a number of seconds.
    """

    def __init__(
        self,
        database: Database,
        name: str,
        per_minute: float | None,
        sleep: Callable[[float], Awaitable[object]] = asyncio.sleep,
    ) -> None:
        self._database = database
        self._name = name
        self._seconds_each = 60.0 / per_minute if per_minute else 0.0
        self._sleep = sleep
        self._turn = asyncio.Lock()

    async def take(self, amount: float = 1.0) -> None:
        """Wait until this much may be used. One after the other, in order."""
        if not self._seconds_each:
            return
        async with self._turn:
            at = self._take(amount)
            await self._sleep(max(0.0, at - time.time()))

    def correct(self, amount: float) -> None:
        """Take this much more (or give back, if negative) than was thought, without waiting."""
        if self._seconds_each and amount:
            self._take(amount)

    def _take(self, amount: float) -> float:
        """The time (epoch) from which the amount may be used."""
        earliest = time.time() - BURST_SECONDS
        with self._database.transaction() as connection:
            query = "SELECT free_at FROM pace WHERE name = ?"
            row = connection.execute(query, (self._name,)).fetchone()
            at = max(earliest, row[0]) if row else earliest
            taken = (self._name, at + amount * self._seconds_each)
            connection.execute("INSERT OR REPLACE INTO pace VALUES (?, ?)", taken)
        return at
