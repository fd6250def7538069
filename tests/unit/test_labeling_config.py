"""The coder's page: well-formed, complete, and nothing of the codebook read as markup."""

import xml.etree.ElementTree as ET
from html import unescape

import pytest
from hypothesis import given
from hypothesis import strategies as st

from annotator.codebook import Code, Codebook
from annotator.coding.labeling_config import instruction, key, labeling_config, printable

NASTY = "a \"quoted\" <b>code</b> & \N{THINKING FACE} 'x' ]]> $text {{text}}"


def book(*names: str, **first: object) -> Codebook:
    labels = [Code(name=names[0], **first), *(Code(name=name) for name in names[1:])]
    return Codebook(question=NASTY, labels=labels)


def choices(codebook: Codebook) -> list[ET.Element]:
    return ET.fromstring(labeling_config(codebook)).findall(".//Choice")


def test_each_code_has_its_name_recorded_its_definition_shown_and_a_key() -> None:
    shown = choices(book("economy", "health", definition="Jobs & prices"))
    assert [choice.get("alias") for choice in shown] == ["economy", "health"]
    assert [choice.get("hotkey") for choice in shown] == ["1", "2"]
    assert "Jobs &amp; prices" in (shown[0].get("html") or "")


def test_one_choice_is_required() -> None:
    page = ET.fromstring(labeling_config(book("a", "b")))
    control = page.find(".//Choices")
    assert control is not None
    assert control.get("required") == "true"
    assert (control.get("choice") or "").startswith("single")
    assert control.get("toName") == "text"


def test_the_text_is_the_only_field_of_the_task_that_is_shown() -> None:
    page = ET.fromstring(labeling_config(book(NASTY, "b", definition=NASTY, examples=(NASTY,))))
    shown = [element.get("value") or "" for element in page.iter()]
    assert [value for value in shown if value.startswith("$text")] == ["$text"]
    assert sum("$text" in value for value in shown) == 1


@pytest.mark.parametrize("name", [NASTY, "$price", "{{x}}", "</Choices>"])
def test_a_strange_name_is_recorded_as_it_is_and_shown_as_text(name: str) -> None:
    first = choices(book(name, "b"))[0]
    assert first.get("alias") == name
    html = first.get("html") or ""
    assert name in unescape(html)
    assert set(ET.fromstring(f"<x>{html}</x>").itertext()) == {name}


@given(st.text(min_size=1).map(str.strip).filter(bool))
def test_any_question_definition_and_example_gives_well_formed_xml(text: str) -> None:
    codebook = Codebook(
        question=text, labels=[Code(name="a", definition=text, examples=(text,)), Code(name="b")]
    )
    assert len(choices(codebook)) == 2


def test_the_instruction_has_everything_and_no_markup_of_the_codebook() -> None:
    page = instruction(book("economy", "health", definition=NASTY, examples=(NASTY, "second")))
    assert "<b>code</b>" not in page
    assert unescape(page).count(NASTY) == 3
    assert "[1]</code> <b>economy</b>" in page
    assert "second" in page


def test_keys_are_distinct_and_end() -> None:
    keys = [key(index) for index in range(40)]
    given_keys = [name for name in keys if name]
    assert len(set(given_keys)) == len(given_keys) == 33
    assert keys[33:] == [None] * 7


def test_unprintable_characters_are_replaced() -> None:
    assert printable("a\x00b\x0bc\nd\te") == "a\ufffdb\ufffdc\nd\te"
