"""The coder's page: well-formed, complete, and nothing of the codebook read as markup."""

import xml.etree.ElementTree as ET
from dataclasses import replace
from html import unescape

import pytest
from hypothesis import given
from hypothesis import strategies as st

from annotator.codebook import Code, Codebook
from annotator.coding import label_studio_project
from annotator.coding.form import Form
from annotator.coding.labeling_config import instruction, keys, labeling_config
from annotator.coding.literal import printable

NASTY = "a \"quoted\" <b>code</b> & \N{THINKING FACE} 'x' ]]> $text {{text}}"


def book(*names: str, **first: object) -> Codebook:
    labels = [Code(name=names[0], **first), *(Code(name=name) for name in names[1:])]
    return Codebook(question=NASTY, labels=labels)


def choices(codebook: Codebook) -> list[ET.Element]:
    return ET.fromstring(labeling_config(Form(codebook))).findall(".//Choice")


def test_each_code_has_its_name_recorded_its_definition_shown_and_a_key() -> None:
    shown = choices(book("economy", "health", definition="Jobs & prices"))
    assert [choice.get("alias") for choice in shown] == ["economy", "health"]
    assert [choice.get("hotkey") for choice in shown] == ["1", "2"]
    assert "Jobs &amp; prices" in (shown[0].get("html") or "")


def test_one_choice_is_required() -> None:
    page = ET.fromstring(labeling_config(Form(book("a", "b"))))
    control = page.find(".//Choices")
    assert control is not None
    assert control.get("required") == "true"
    assert (control.get("choice") or "").startswith("single")
    assert control.get("toName") == "text"


def test_the_text_is_the_only_field_of_the_task_that_is_shown() -> None:
    page = ET.fromstring(labeling_config(Form(book(NASTY, "b", definition=NASTY, examples=(NASTY,)))))
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
    page = instruction(Form(book("economy", "health", definition=NASTY, examples=(NASTY, "second"))))
    assert "<b>code</b>" not in page
    assert unescape(page).count(NASTY) == 3
    assert "[1]</code> <b>economy</b>" in page
    assert "second" in page


def test_keys_are_distinct_and_end() -> None:
    given_keys = keys(Form(book(*(f"code {number}" for number in range(40)))))
    assert len(set(given_keys[:33])) == 33
    assert given_keys[33:] == [None] * 7


def test_a_digit_is_its_own_key_and_a_scale_longer_than_the_keys_has_none() -> None:
    def scale(n: int) -> Form:
        labels = [Code(name=str(step)) for step in range(n)]
        return Form(Codebook(question="?", type="numeric", labels=labels), cannot_code=("garbled",))

    assert keys(scale(11)) == [*"0123456789", "q", "w"]
    assert keys(scale(101)) == [None] * 101 + ["q"]


def test_a_long_scale_stands_in_rows_and_says_once_what_its_numbers_mean() -> None:
    meant = {0: "cold", 100: "warm"}
    labels = [Code(name=str(step), definition=meant.get(step, "")) for step in range(0, 101, 5)]
    page = ET.fromstring(labeling_config(Form(Codebook(question="?", type="numeric", labels=labels))))
    assert page.get("className") == "coding scale long"
    assert [header.get("value") for header in page.findall(".//View/Header")][-1] == "0: cold    100: warm"
    assert {choice.get("html") for choice in page.iter("Choice")} == {
        f"<b>{step}</b>" for step in range(0, 101, 5)
    }


def test_unprintable_characters_are_replaced() -> None:
    assert printable("a\x00b\x0bc\nd\te") == "a\ufffdb\ufffdc\nd\te"


def test_several_codes_can_be_ticked_and_none_is_a_choice_of_its_own() -> None:
    form = Form(Codebook(question="?", type="multilabel", labels=[Code(name="a"), Code(name="b")]))
    page = ET.fromstring(labeling_config(form))
    assert page.find(".//Choices").get("choice") == "multiple"  # type: ignore[union-attr]
    assert [choice.get("alias") for choice in page.iter("Choice")] == ["a", "b", "none"]
    assert "<b>every</b> code that applies" in instruction(form)


@pytest.mark.parametrize("kind", ["ordinal", "numeric"])
def test_the_steps_of_a_scale_stand_side_by_side(kind: str) -> None:
    labels = [Code(name=str(step)) for step in range(1, 6)]
    page = ET.fromstring(labeling_config(Form(Codebook(question="?", type=kind, labels=labels))))
    assert "scale" in (page.get("className") or "")
    assert page.find(".//Choices").get("showInline") == "true"  # type: ignore[union-attr]


def test_reasons_notes_warnings_and_breaks_are_there_only_if_the_study_asks_for_them() -> None:
    plain, full = (
        Form(book("a", "b")),
        Form(book("a", "b"), ("garbled", "other language"), True, f"Violence. {NASTY}", 45, 300),
    )
    assert [choice.get("alias") for choice in choices(plain.codebook)] == ["a", "b"]
    page = ET.fromstring(labeling_config(full))
    aliases = [choice.get("alias") for choice in page.iter("Choice")]
    assert aliases == ["a", "b", "cannot code: garbled", "cannot code: other language"]
    assert [choice.get("hotkey") for choice in page.iter("Choice")] == ["1", "2", "3", "4"]
    assert page.find(".//TextArea") is not None
    assert ET.fromstring(labeling_config(plain)).find(".//TextArea") is None
    words = unescape(instruction(full))
    assert words.index("Violence") < words.index("Read the text")
    for said in ("do not skip", "break after 45 minutes", "at most 300 texts a day"):
        assert said in words
        assert said not in instruction(plain)


def test_an_adjudicator_sees_what_was_said_and_chooses_as_coders_do() -> None:
    coders = Form(book("a", "b"), ("garbled",), True)
    form = replace(coders, adjudicates=True)
    page = ET.fromstring(labeling_config(form))
    shown = {element.get("name"): element.get("value") for element in page.iter("Text")}
    assert shown == {"text": "$text", "given": "$given"}
    for tag in ("Choice", "TextArea"):
        theirs = ET.fromstring(labeling_config(coders)).iter(tag)
        assert [element.attrib for element in page.iter(tag)] == [element.attrib for element in theirs]
    words = instruction(form)
    assert "also one that nobody gave" in words
    assert "by the text alone" not in words
    assert "given" not in labeling_config(coders)


@given(name=st.from_regex(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}", fullmatch=True))
def test_the_adjudicators_project_has_a_name_of_its_own(name: str) -> None:
    form = Form(book("a", "b"))
    coding, adjudication = (
        label_studio_project._new(name, "mark", each)["title"]
        for each in (form, replace(form, adjudicates=True))
    )
    assert adjudication.endswith(" - adjudication")
    assert coding != adjudication
    assert all(3 <= len(title) <= 50 for title in (coding, adjudication))
