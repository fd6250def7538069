import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from annotator.labeling.parsing import parse_cut_label, parse_label, parse_probability
from annotator.labeling.token_probability import label_logprob

NAMES = ("health", "health care", "economy", "not polite", "C++", "-1", "other")


@pytest.mark.parametrize(
    ("reply", "label"),
    [
        ("economy", "economy"),
        ("  Economy.\n", "economy"),
        ("**ECONOMY**", "economy"),
        ("`economy`", "economy"),
        ("\u201cHealth Care\u201d", "health care"),
        ("- health", "health"),
        ("Code: economy", "economy"),
        ("**Final answer:** economy", "economy"),
        ("The code is health care.", "health care"),
        ('{"label": "health"}', "health"),
        ("I would say economy", "economy"),
        ("health care", "health care"),
        ("It is not polite", "not polite"),
        ("c++", "C++"),
        ("-1", "-1"),
        ("I'd choose -1 here", "-1"),
        ("<think>economy, or other?</think>\n\nhealth", "health"),
        (
            "economy\n\nReason: the respondent speaks about prices, wages and taxes, less about health.",
            "economy",
        ),
    ],
)
def test_a_code_is_recognised(reply: str, label: str) -> None:
    assert parse_label(reply, NAMES) == (label, "ok")


@pytest.mark.parametrize(
    "reply",
    [
        "economy or health",
        "not economy",
        "It isn\u2019t the economy",
        "neither economy nor anything else",
        "economic",
        "healthy",
        "health-related",
        "1",
        "C",
        "I'm sorry, I can't help with that.",
        "economy\nhealth",
        "One could argue at length that this answer is in the end mostly about the economy of the country.",
        "rather other than economy",
        "?",
    ],
)
def test_anything_else_is_off_the_codebook(reply: str) -> None:
    assert parse_label(reply, NAMES) == (None, "off_codebook")


@pytest.mark.parametrize("reply", [None, "", " \n\t", "<think>hm</think>"])
def test_silence_is_empty(reply: str | None) -> None:
    assert parse_label(reply, NAMES) == (None, "empty")


def test_codes_that_differ_only_in_markup_are_kept_apart() -> None:
    names = ("C", "C#")
    assert parse_label("C#", names) == ("C#", "ok")
    assert parse_label("C", names) == ("C", "ok")


def test_of_a_cut_reply_only_complete_lines_count() -> None:
    assert parse_cut_label("health", NAMES) == (None, "truncated")
    assert parse_cut_label("health\nbecause the respondent men", NAMES) == ("health", "ok")
    assert parse_cut_label("I think that", NAMES) == (None, "truncated")


MESSY = st.text() | st.lists(
    st.sampled_from([*NAMES, "not", "Code:", "**", "\n", " ", ".", "-", "'", "</think>", "%", "85", "\x00"])
).map("".join)


@given(reply=MESSY, names=st.lists(st.text(min_size=1, max_size=20), min_size=2, max_size=6, unique=True))
def test_no_reply_breaks_the_parser_or_makes_it_invent(reply: str, names: list[str]) -> None:
    for codes in (NAMES, tuple(names)):
        for parse in (parse_label, parse_cut_label):
            label, status = parse(reply, codes)
            assert (label in codes) if status == "ok" else label is None


@given(name=st.sampled_from(NAMES), before=st.sampled_from(["", " ", "**", '"']))
def test_every_code_is_recognised_when_it_is_said(name: str, before: str) -> None:
    assert parse_label(f"{before}{name.upper()}{before}", NAMES) == (name, "ok")


@pytest.mark.parametrize(
    ("reply", "probability"),
    [
        ("85%", 0.85),
        ("85", 0.85),
        ("0.85", 0.85),
        (".85", 0.85),
        ("0,85", 0.85),
        ("85 percent", 0.85),
        ("about 85 %", 0.85),
        ("~85%.", 0.85),
        ("**85%**", 0.85),
        ("Probability: 85%", 0.85),
        ("85.5%", 0.855),
        ("85,5 %", 0.855),
        ("1.0", 1.0),
        ("1", 0.01),
        ("0.5%", 0.005),
        ("100%", 1.0),
        ("0", 0.0),
        ("90/100", 0.9),
        ("9 out of 10", 0.9),
        ("<think>between 80 and 90</think>85%", 0.85),
    ],
)
def test_a_probability_is_read(reply: str, probability: float) -> None:
    assert parse_probability(reply) == pytest.approx(probability, abs=1e-12)


@pytest.mark.parametrize(
    "reply",
    [
        None,
        "",
        "very likely",
        "80-90%",
        "80\u201390 %",
        "80 to 90",
        "between 80 and 90",
        "85% \u00b1 5",
        ">90%",
        "at least 90%",
        "not 85%",
        "101",
        "150%",
        "1,000",
        "-5",
        "\u22125",
        "5/2",
        "1.2.3",
        "8e1",
        "9" * 5000,
        "GPT4",
        "85% or 90%",
    ],
)
def test_anything_else_is_no_probability(reply: str | None) -> None:
    assert parse_probability(reply) is None


NUMERIC = st.text() | st.text(alphabet="0123456789.,%/-+eE \n~<>of", max_size=30)


@given(reply=NUMERIC)
def test_no_reply_breaks_the_probability(reply: str) -> None:
    probability = parse_probability(reply)
    assert probability is None or 0 <= probability <= 1


@given(percent=st.integers(0, 100))
def test_every_percentage_is_read(percent: int) -> None:
    assert parse_probability(f"{percent}%") == percent / 100


def test_logprob_counts_the_tokens_of_the_label_only() -> None:
    tokens = [("The", -1.0), (" code: ", -2.0), ("Hea", -0.25), ("lth", -0.5), (".\n", -4.0)]
    assert label_logprob(tokens, "health") == pytest.approx(-0.75)
    assert label_logprob(tokens, "economy") == pytest.approx(-7.75)
    assert label_logprob([], "health") is None
    assert label_logprob([("health", math.nan)], "health") is None
    assert label_logprob([("health", 1e-9)], "health") == 0.0
