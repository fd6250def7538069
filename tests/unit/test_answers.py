"""Replies in words: sets of codes, numbers, and codes whose names are numbers."""

import pytest
from codebooks import STEPS, TIMES, TOPICS
from hypothesis import given
from hypothesis import strategies as st

from annotator.codebook import Code, Codebook
from annotator.labeling.answers import parse_answer, parse_cut_answer

SCALE = Codebook(question="?", labels=tuple(Code(name=str(n)) for n in range(1, 8)))
COMMA = Codebook(question="?", type="multilabel", labels=(Code(name="a, b"), Code(name="a"), Code(name="b")))
CROSSED = Codebook(
    question="?",
    type="numeric",
    labels=(Code(name="1", value=2), Code(name="2", value=1), Code(name="x", value=3)),
)


@pytest.mark.parametrize(
    ("reply", "label"),
    [
        ("crime", "crime"),
        ("tax; crime", "crime;tax"),
        ("Tax;CRIME;", "crime;tax"),
        ("tax, crime", "crime;tax"),
        ("- tax\n- crime", "crime;tax"),
        ("**tax**;\n**health**", "health;tax"),
        ("Codes: tax; crime", "crime;tax"),
        ('["tax", "crime"]', "crime;tax"),
        ("tax; tax", "tax"),
        ("none", "none"),
        ("None.", "none"),
        ("<think>tax or crime?</think>health", "health"),
    ],
)
def test_sets_are_written_in_codebook_order(reply: str, label: str) -> None:
    assert parse_answer(reply, TOPICS) == (label, "ok")


@pytest.mark.parametrize(
    "reply",
    [
        "tax; war",
        "tax and crime",
        "tax; none",
        "mostly tax",
        "not tax",
        "tax; crime (a little)",
        '["tax", 3]',
        "[]",
        ";",
        "tax crime",
    ],
)
def test_one_part_that_is_no_code_makes_no_label(reply: str) -> None:
    assert parse_answer(reply, TOPICS) == (None, "off_codebook")


def test_a_set_that_can_be_read_two_ways_is_not_read() -> None:
    assert parse_answer("a, b", COMMA) == (None, "off_codebook")
    assert parse_answer("a; b", COMMA) == ("a;b", "ok")


def test_silence_and_cut_replies_give_no_set() -> None:
    assert parse_answer(" ", TOPICS) == (None, "empty")
    assert parse_cut_answer("tax; crime", TOPICS) == (None, "truncated")
    assert parse_cut_answer("2", TIMES) == (None, "truncated")
    assert parse_cut_answer("mild\nBecause it", STEPS) == ("mild", "ok")


@pytest.mark.parametrize(
    ("reply", "label"),
    [("7", "daily"), ("7.0", "daily"), ("Number: 2", "weekend"), ("**0**", "never"), ("daily", "daily")],
)
def test_a_number_is_the_code_it_stands_for(reply: str, label: str) -> None:
    assert parse_answer(reply, TIMES) == (label, "ok")


@pytest.mark.parametrize(
    "reply", ["3", "7 of 7", "7/7", "2-7", "about 7", "-7", "7%", "1e0", "seven", "2 or 7", "\u0663"]
)
def test_any_other_number_is_off_the_codebook(reply: str) -> None:
    assert parse_answer(reply, TIMES) == (None, "off_codebook")


def test_a_reply_that_is_one_codes_name_and_anothers_number_is_not_read() -> None:
    assert parse_answer("1", CROSSED) == (None, "off_codebook")
    assert parse_answer("3", CROSSED) == ("x", "ok")


@pytest.mark.parametrize("reply", ["4/10", "4 out of 10", "4 of 10 points", "4-5", "4.5", "level 4 of 7"])
def test_a_code_that_is_a_number_is_not_read_from_a_share(reply: str) -> None:
    assert parse_answer(reply, SCALE) == (None, "off_codebook")


def test_a_code_that_is_a_number_is_read_from_a_short_sentence() -> None:
    assert parse_answer("I would say 4.", SCALE) == ("4", "ok")


PIECES = [
    *TOPICS.names,
    *TIMES.names,
    "none",
    ";",
    ",",
    "\n",
    " ",
    '"',
    "[",
    "]",
    "not",
    "2",
    "7.0",
    "-",
    "Codes:",
    "\x00",
]
MESSY = st.text() | st.lists(st.sampled_from(PIECES)).map("".join)


@given(reply=MESSY)
def test_no_reply_breaks_the_reading_or_makes_it_invent(reply: str) -> None:
    for codebook in (TOPICS, TIMES, STEPS, SCALE, COMMA, CROSSED):
        for parse in (parse_answer, parse_cut_answer):
            label, status = parse(reply, codebook)
            assert (label is None) == (status != "ok")
            assert label is None or codebook.spell(label) == label


@given(codes=st.sets(st.sampled_from(TOPICS.names)), separator=st.sampled_from(["; ", ";", ", ", "\n"]))
def test_every_set_is_read_back(codes: set[str], separator: str) -> None:
    said = separator.join(sorted(codes, reverse=True)) or "none"
    assert parse_answer(said, TOPICS) == (";".join(sorted(codes)) or "none", "ok")
