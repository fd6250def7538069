"""Codes on record: what is missing or unknown is named."""

import pytest

from annotator.codebook import Code, Codebook
from annotator.coding.protocol import Task
from annotator.coding.replay import ReplayCoding
from annotator.errors import CorpusError

BOOK = Codebook(question="Polite?", type="binary", labels=[Code(name="yes"), Code(name="no")])


@pytest.mark.parametrize("value", [None, float("nan"), "", "maybe"])
def test_a_drawn_unit_without_a_valid_code_is_named(value: object) -> None:
    service = ReplayCoding({"good": "yes", "bad": value}, BOOK)
    with pytest.raises(CorpusError, match="'bad'") as error:
        service.send(1, [Task("good", "x"), Task("bad", "y")])
    assert "yes, no" in (error.value.hint or "")


def test_a_unit_that_was_not_drawn_may_lack_a_code() -> None:
    service = ReplayCoding({"good": "yes", "bad": None}, BOOK)
    assert service.collect(service.send(1, [Task("good", "x", overlap=2)]))["label"].tolist() == ["yes"]


def test_everything_is_coded_once_at_once() -> None:
    service = ReplayCoding({"a": "yes", "b": "no"}, BOOK)
    sent = service.send(1, [Task("b", "x", overlap=2), Task("a", "y")])
    assert sent["overlap"].tolist() == [1, 1]
    assert dict(service.collect(sent)[["unit_id", "label"]].to_numpy().tolist()) == {"a": "yes", "b": "no"}


def test_codes_that_are_numbers_are_read_as_their_text() -> None:
    book = Codebook(question="How many?", type="ordinal", labels=[Code(name="1"), Code(name="2")])
    service = ReplayCoding({"a": 2}, book)
    assert service.collect(service.send(1, [Task("a", "x")]))["label"].tolist() == ["2"]
