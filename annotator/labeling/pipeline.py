"""Labelling parts of a corpus without a pause between them."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import Protocol, runtime_checkable

from annotator.labeling.protocol import MachineAnnotator, MachineLabel, Unit

Part = tuple[int, Sequence[Unit]]
"""A part of the corpus: its index and its units."""

Finished = Callable[[int, list[MachineLabel]], None]
"""Called with a part's index and its rows, in the units' order, as soon as all of them are there."""

Tell = Callable[[int], None]
"""Called now and then with the number of units that have their rows."""

MOST_OPEN_PARTS = 64
"""How many parts may wait for a slow unit at once; their rows are held until they are whole."""

_TELL_SECONDS = 2.0


@runtime_checkable
class LabelsParts(Protocol):
    """A machine annotator that is faster where it sees many parts at once."""

    def label_parts(self, parts: Iterable[Part], finished: Finished, tell: Tell) -> None:
        """Label all parts. Raises what ``MachineAnnotator.label`` does."""
        ...


def label_parts(annotator: MachineAnnotator, parts: Iterable[Part], finished: Finished, tell: Tell) -> None:
    """Label parts of a corpus with any annotator, handing on each when it is whole."""
    if isinstance(annotator, LabelsParts):
        annotator.label_parts(parts, finished, tell)
        return
    n_done = 0
    for index, units in parts:
        finished(index, annotator.label(units))
        n_done += len(units)
        tell(n_done)


class _OpenPart:
    def __init__(self, index: int, units: Sequence[Unit]) -> None:
        self.index = index
        self.units: list[Unit | None] = list(units)  # a text is let go when its row is there
        self.rows: list[MachineLabel | None] = [None] * len(units)
        self.n_left = len(units)


class Pipeline:
    """Keeps a fixed number of units under way, across the ends of parts.

    Args:
        row: makes the row of one unit.
        finished: takes whole parts, one at a time, in another thread.
        tell: told of the progress, in another thread; what it raises is passed over.
        n_under_way: how many units are worked on at once.
    """

    def __init__(
        self,
        row: Callable[[Unit], Awaitable[MachineLabel]],
        finished: Finished,
        tell: Tell,
        n_under_way: int,
    ) -> None:
        self._row = row
        self._finished = finished
        self._tell = tell
        self._n_under_way = n_under_way

    async def run(self, parts: Iterable[Part], stop: Callable[[], None]) -> None:
        """Label all parts, which end as their units do, not always in order.

        Where one unit raises, ``stop`` is called, units under way may end, and the error is raised. Parts
        that are whole by then were handed on, of the others nothing.
        """
        self._parts = iter(parts)
        self._part: _OpenPart | None = None
        self._next = self._n_done = 0
        self._is_over = False
        self._opening, self._telling = asyncio.Lock(), asyncio.Lock()
        self._room = asyncio.Semaphore(MOST_OPEN_PARTS)
        workers = [asyncio.create_task(self._work()) for _ in range(self._n_under_way)]
        teller = asyncio.create_task(self._keep_telling())
        try:
            await asyncio.gather(*workers)
        except asyncio.CancelledError:
            for worker in workers:
                worker.cancel()
            raise
        except BaseException:
            self._is_over = True
            self._room.release()  # for the one that waits to open another part
            stop()
            raise
        finally:
            teller.cancel()
            await asyncio.gather(*workers, teller, return_exceptions=True)

    async def _work(self) -> None:
        while (place := await self._take()) is not None:
            part, position = place
            unit = part.units[position]
            assert unit is not None
            part.rows[position] = await self._row(unit)
            part.units[position] = None
            part.n_left -= 1
            self._n_done += 1
            if part.n_left == 0:
                await self._hand_on(part)

    async def _take(self) -> tuple[_OpenPart, int] | None:
        """The next unit that nobody works on, opening another part where one is used up."""
        while self._part is None or self._next == len(self._part.units):
            async with self._opening:
                if self._is_over:
                    return None
                if self._part is None or self._next == len(self._part.units):
                    await self._open()
        if self._is_over:
            return None
        self._next += 1
        return self._part, self._next - 1

    async def _open(self) -> None:
        await self._room.acquire()
        part = None if self._is_over else await asyncio.to_thread(next, self._parts, None)
        if part is None:
            self._is_over = True
            return
        self._part, self._next = _OpenPart(*part), 0
        if self._part.n_left == 0:
            await self._hand_on(self._part)

    async def _hand_on(self, part: _OpenPart) -> None:
        rows = [row for row in part.rows if row is not None]
        async with self._telling:
            await asyncio.to_thread(self._finished, part.index, rows)
        self._room.release()

    async def _keep_telling(self) -> None:
        while True:
            await asyncio.sleep(_TELL_SECONDS)
            async with self._telling:
                await asyncio.to_thread(self._tell, self._n_done)
