"""How many requests are under way at once: as many as the endpoint bears, and never more than allowed."""

import asyncio
from collections import deque
from typing import Self

TOO_MANY = 0.2
"""Share of answers "too many requests" above which there are too many at once."""

_SMALLEST_WINDOW = 32


class Gate:
    """Lets a changing number of requests through: additive increase, multiplicative decrease.

    Outcomes are counted in windows of about one round of requests. Where more than a fifth of a window was
    turned away, half as many go on; after any other window one more does, up to the most allowed. Single
    ones that are turned away change nothing: they wait by themselves.

    >>> gate = Gate(64)
    >>> for _ in range(64): gate.note(gate.round, turned_away=True)
    >>> gate.limit
    32

    Args:
        most: how many may be under way at most.
    """

    def __init__(self, most: int) -> None:
        self.most = most
        self.limit = most
        self.round = 0
        self._under_way = 0
        self._waiting: deque[asyncio.Future[None]] = deque()
        self._seen = self._turned_away = 0

    async def __aenter__(self) -> Self:
        if self._under_way < self.limit:
            self._under_way += 1
            return self
        place = asyncio.get_running_loop().create_future()
        self._waiting.append(place)
        try:
            await place
        except asyncio.CancelledError:
            if place.done() and not place.cancelled():
                await self.__aexit__()
            raise
        return self

    async def __aexit__(self, *_: object) -> None:
        self._under_way -= 1
        self._let_in()

    def note(self, started_in: int, *, turned_away: bool) -> None:
        """Count one outcome of a request that was sent in the round ``started_in``."""
        if started_in != self.round:
            return  # it was sent under a limit that is no longer in force
        self._seen += 1
        self._turned_away += turned_away
        if self._seen < max(self.limit, _SMALLEST_WINDOW):
            return
        if self._turned_away > TOO_MANY * self._seen:
            self.limit = max(1, self.limit // 2)
            self.round += 1
        else:
            self.limit = min(self.most, self.limit + 1)
            self._let_in()
        self._seen = self._turned_away = 0

    def _let_in(self) -> None:
        """Let in as many of the waiting as there is room for, first come first served."""
        while self._waiting and self._under_way < self.limit:
            place = self._waiting.popleft()
            if not place.done():
                self._under_way += 1
                place.set_result(None)
