"""Which replies are being asked for at this moment, so that two workers never pay for the same one."""

import asyncio
import contextlib
from collections.abc import AsyncIterator

from annotator.labeling.database import Database
from annotator.labeling.living import is_alive, mark

_ANOTHER_LOOK = 0.2  # seconds


class Claims:
    """Claims of all workers that share a database; those of a process that was killed count for nothing.

    Args:
        database: where claims are.
        shared: whether there are other workers at all; a claim is free of cost where there are none.
    """

    def __init__(self, database: Database, *, shared: bool) -> None:
        self._database = database
        self._shared = shared

    @contextlib.asynccontextmanager
    async def of(self, key: str) -> AsyncIterator[bool]:
        """Claim a reply, after waiting for whoever has it; yields whether there was somebody."""
        if not self._shared:
            yield False
            return
        has_waited = False
        while not self._take(key):
            has_waited = True
            await asyncio.sleep(_ANOTHER_LOOK)
        try:
            yield has_waited
        finally:
            with self._database.connected() as connection:
                connection.execute("DELETE FROM claims WHERE key = ?", (key,))

    def _take(self, key: str) -> bool:
        with self._database.transaction() as connection:
            query = "SELECT process, started FROM claims WHERE key = ?"
            owner = connection.execute(query, (key,)).fetchone()
            if owner is not None and is_alive(*owner):
                return False
            connection.execute("INSERT OR REPLACE INTO claims VALUES (?, ?, ?)", (key, *mark()))
            return True
