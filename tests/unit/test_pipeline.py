"""Parts of a corpus, labelled without a pause between them."""

import asyncio
import threading
from collections.abc import Iterator

import pytest
from chat_endpoint import Answer, ChatEndpoint, completion
from labeling_setup import openai_annotator, text_of

from annotator.errors import ServiceError
from annotator.labeling import pipeline as pipeline_module
from annotator.labeling.cache import ReplyCache
from annotator.labeling.pipeline import Part, Pipeline
from annotator.labeling.protocol import MachineLabel, Unit


def parts(n_parts: int, size: int) -> Iterator[Part]:
    for index in range(n_parts):
        yield index, [Unit(f"{index}-{number}", f"text {index}-{number}") for number in range(size)]


def labelled(unit: Unit) -> MachineLabel:
    return MachineLabel(unit.unit_id, "m", "a", None, None, "ok", "a", None, 1, 1, 0.0, 0.0, 1)


class Run:
    """A pipeline over parts of four units; ``slow`` ones wait until they are let go."""

    def __init__(self, n_parts: int, slow: tuple[str, ...] = (), bad: str = "") -> None:
        self.finished: list[int] = []
        self.rows: dict[int, list[MachineLabel]] = {}
        self.started: list[str] = []
        self.stopped = 0
        self._n_parts, self._slow, self._bad = n_parts, slow, bad

    async def _row(self, unit: Unit) -> MachineLabel:
        self.started.append(unit.unit_id)
        await asyncio.sleep(0.001)
        if unit.unit_id == self._bad:
            raise ServiceError("enough")
        if unit.unit_id in self._slow:
            await self._let_go.wait()
        return labelled(unit)

    def _finish(self, index: int, rows: list[MachineLabel]) -> None:
        self.finished.append(index)
        self.rows[index] = rows

    def _stop(self) -> None:
        self.stopped += 1
        self._let_go.set()

    async def _run(self, seconds: float) -> None:
        self._let_go = asyncio.Event()
        asyncio.get_running_loop().call_later(seconds, self._let_go.set)
        pipeline = Pipeline(self._row, self._finish, lambda _: None, n_under_way=6)
        await pipeline.run(parts(self._n_parts, 4), self._stop)

    def run(self, seconds: float = 0.3) -> None:
        asyncio.run(self._run(seconds))


def test_every_part_is_handed_on_whole_and_in_the_units_order() -> None:
    run = Run(25)
    run.run()
    assert sorted(run.finished) == list(range(25))
    for index, rows in run.rows.items():
        assert [row.unit_id for row in rows] == [f"{index}-{number}" for number in range(4)]


def test_a_slow_unit_holds_up_its_own_part_only() -> None:
    run = Run(25, slow=("0-1", "3-3"))
    run.run()
    assert set(run.finished[-2:]) == {0, 3}


def test_parts_that_wait_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pipeline_module, "MOST_OPEN_PARTS", 3)
    run = Run(25, slow=("0-0", "1-0", "2-0"))
    asyncio.run(asyncio.wait_for(run._run(0.3), 5))
    assert sorted(run.finished) == list(range(25))
    assert run.finished[0] in (0, 1, 2)


def test_an_error_ends_it_and_whole_parts_were_handed_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pipeline_module, "MOST_OPEN_PARTS", 2)
    run = Run(25, slow=("4-0",), bad="5-2")
    with pytest.raises(ServiceError, match="enough"):
        asyncio.run(asyncio.wait_for(run._run(0.3), 5))
    assert run.stopped == 1
    assert set(range(4)) <= set(run.finished)
    assert 5 not in run.finished
    assert len(run.started) < 50


def test_an_error_of_who_takes_the_parts_or_gives_them_ends_it() -> None:
    def full(_: int, __: list[MachineLabel]) -> None:
        raise ServiceError("the disk is full")

    def torn() -> Iterator[Part]:
        yield from parts(2, 4)
        raise ServiceError("the corpus is gone")

    async def row(unit: Unit) -> MachineLabel:
        return labelled(unit)

    for source, finished, said in ((parts(9, 4), full, "disk"), (torn(), lambda *_: None, "corpus")):
        with pytest.raises(ServiceError, match=said):
            asyncio.run(Pipeline(row, finished, lambda _: None, 3).run(source, lambda: None))


def test_progress_is_told_and_a_broken_bar_stops_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pipeline_module, "_TELL_SECONDS", 0.01)
    told: list[int] = []

    def tell(done: int) -> None:
        told.append(done)
        if len(told) == 3:
            raise OSError("no terminal")

    async def row(unit: Unit) -> MachineLabel:
        await asyncio.sleep(0.02)
        return labelled(unit)

    done: list[int] = []
    pipeline = Pipeline(row, lambda index, _: done.append(index), tell, 2)
    asyncio.run(pipeline.run(parts(5, 4), lambda: None))
    assert sorted(done) == [0, 1, 2, 3, 4]
    assert told == sorted(told)
    assert 0 < told[-1] <= 20


def test_connections_stay_busy_across_the_ends_of_parts(cache: ReplyCache) -> None:
    """Were parts labelled one after the other, no more than three requests would meet."""
    together = threading.Barrier(8)

    def behave(messages: list[dict[str, str]], _: int) -> Answer:
        if text_of(messages).startswith(("text 1-", "text 2-")):
            together.wait(10)
        return completion("health")

    finished: dict[int, list[MachineLabel]] = {}
    some = [part for part in parts(6, 3) if part[0] not in (1, 2)]
    many = [(index, units[:4]) for index, units in parts(3, 4) if index]
    with ChatEndpoint(behave) as endpoint:
        annotator = openai_annotator(endpoint.base_url, cache, confidence="none", concurrency=8)
        annotator.label_parts([*some, *many], finished.__setitem__)
    assert sorted(finished) == [0, 1, 2, 3, 4, 5]
    assert {row.status for rows in finished.values() for row in rows} == {"ok"}


def test_the_same_text_in_two_parts_is_asked_about_once(cache: ReplyCache) -> None:
    both = [(index, [Unit(f"u{index}", "the same")]) for index in range(4)]
    rows: dict[int, list[MachineLabel]] = {}
    with ChatEndpoint(lambda *_: completion("health")) as endpoint:
        annotator = openai_annotator(endpoint.base_url, cache, confidence="none", price_in=1.0)
        annotator.label_parts(both, rows.__setitem__)
    assert len(endpoint.requests) == 1
    assert sorted(row.attempts for (row,) in rows.values()) == [0, 0, 0, 1]
    assert sum(row.cost for (row,) in rows.values()) == pytest.approx(10 / 1e6)
