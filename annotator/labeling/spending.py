"""A hard cap on what a study spends on one machine annotator."""

import asyncio
import contextlib
import sqlite3
from collections.abc import AsyncIterator

from annotator.errors import SpendingCapError
from annotator.labeling import tokens
from annotator.labeling.cache import Payment, ReplyCache, spent_tokens
from annotator.labeling.completion import Completion
from annotator.labeling.endpoint import Request
from annotator.labeling.living import is_alive, mark

_ANOTHER_LOOK = 0.5  # seconds, where other processes hold what is left


class Spending:
    """What an annotator's replies cost so far, and room for the next one.

    Before a request its highest cost is set aside: the prompt at one token a byte and the longest reply, at
    the annotator's prices. It is sent only if that, all that is set aside for requests under way, and the
    cost of all replies so far stay within the cap. This holds over restarts and over all processes that
    share the cache. Requests that brought no reply count for nothing, whatever the endpoint makes of them.

    Args:
        cache: where replies, and what they took, are.
        annotator: whose account.
        price_in: price of one prompt token.
        price_out: price of one reply token.
        cap: most that may be spent; None means no cap.
    """

    def __init__(
        self,
        cache: ReplyCache,
        annotator: str,
        *,
        price_in: float,
        price_out: float,
        cap: float | None,
    ) -> None:
        self._cache = cache
        self._annotator = annotator
        self._price_in, self._price_out = price_in, price_out
        self._cap = cap
        self._n_held = 0
        self._turn, self._released = asyncio.Lock(), asyncio.Event()

    def cost(self, tokens_in: int, tokens_out: int) -> float:
        """What so many tokens cost."""
        return tokens_in * self._price_in + tokens_out * self._price_out

    @property
    def spent(self) -> float:
        """The cost of all replies so far, at today's prices."""
        return self.cost(*self._cache.spent(self._annotator))

    def payment(self, completion: Completion, request: Request) -> Payment:
        """What a reply took, as the endpoint says; the most it can have taken, where it does not say."""
        tokens_in, tokens_out = completion.tokens_in, completion.tokens_out
        if not tokens_in and not tokens_out:
            tokens_in, tokens_out = tokens.at_most(request.messages), request.longest_reply
        return Payment(self._annotator, tokens_in, tokens_out)

    @contextlib.asynccontextmanager
    async def room(self, request: Request) -> AsyncIterator[None]:
        """Set aside what a reply to this request can cost at most, until it is there and kept.

        Waits while requests under way may turn out cheaper than was set aside for them.

        Raises:
            SpendingCapError: the cap leaves no room for it.
        """
        if self._cap is None:
            yield
            return
        held = await self._hold(self.cost(tokens.at_most(request.messages), request.longest_reply))
        try:
            yield
        finally:
            with self._cache.database.connected() as connection:
                connection.execute("DELETE FROM held WHERE id = ?", (held,))
            self._n_held -= 1
            self._released.set()

    async def _hold(self, cost: float) -> int:
        async with self._turn:  # first come, first served
            while True:
                self._released.clear()
                held = self._try_to_hold(cost)
                if held is not None:
                    self._n_held += 1
                    return held
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(self._released.wait(), _ANOTHER_LOOK)

    def _try_to_hold(self, cost: float) -> int | None:
        """The id of what was set aside, or None while requests under way may leave room for it."""
        cap = self._cap or 0.0
        with self._cache.database.transaction() as connection:
            spent = self.cost(*spent_tokens(connection, self._annotator))
            held = self._held(connection)
            if spent + held + cost > cap and not self._n_held:
                _release_the_dead(connection)
                held = self._held(connection)
            if spent + held + cost <= cap:
                return _insert(connection, self._annotator, cost)
        if held and spent + cost <= cap:
            return None
        raise SpendingCapError(
            f"machine annotator {self._annotator} has spent {spent:,.4f} of its max_cost of {cap:,.4f}, "
            f"and the next request could cost up to {cost:,.4f}",
            hint="Raise max_cost in the study file and run again: what is labelled stays, replies received "
            "are kept. `annotator label STUDY --dry-run` says about what the rest costs.",
        )

    def _held(self, connection: sqlite3.Connection) -> float:
        query = "SELECT total(cost) FROM held WHERE annotator = ?"
        return float(connection.execute(query, (self._annotator,)).fetchone()[0])


def _insert(connection: sqlite3.Connection, annotator: str, cost: float) -> int:
    row = (annotator, cost, *mark())
    insert = "INSERT INTO held (annotator, cost, process, started) VALUES (?, ?, ?, ?)"
    return int(connection.execute(insert, row).lastrowid or 0)


def _release_the_dead(connection: sqlite3.Connection) -> None:
    """Give back what processes set aside that were killed since."""
    for process, started in connection.execute("SELECT DISTINCT process, started FROM held").fetchall():
        if not is_alive(process, started):
            connection.execute("DELETE FROM held WHERE process = ? AND started = ?", (process, started))
