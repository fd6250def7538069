"""Label and probability from JSON, whole or not, alone or among words."""

import json

import pytest
from codebooks import TIMES, TONE, TOPICS
from hypothesis import given
from hypothesis import strategies as st

from annotator.codebook import Codebook
from annotator.labeling.completion import Completion
from annotator.labeling.structured import Said, most_tokens, read, response_format


def said(text: str, codebook: Codebook = TONE, ending: str = "stop") -> Said:
    return read(Completion(text, ending), codebook)


GOOD = '{"label": "neutral", "probability": 0.7}'


@pytest.mark.parametrize(
    "text",
    [
        GOOD,
        '{"probability": 0.7, "label": "NEUTRAL"}',
        f"```json\n{GOOD}\n```",
        f"Here you are: {GOOD} I hope this helps.",
        f"<think>{{not json}}</think>{GOOD}",
        f"{GOOD}\n{GOOD}",
        '{"label": "neutral", "probability": 0.7, "reason": "plain {words}"}',
    ],
)
def test_the_object_is_found(text: str) -> None:
    found = said(text)
    assert (found.label, found.status, found.probability, found.is_whole) == ("neutral", "ok", 0.7, True)


@pytest.mark.parametrize(
    "text",
    [
        '{"label": "neutral"}',
        '{"label": "neutral", "probability": 70}',
        '{"label": "neutral", "probability": "0.7"}',
        '{"label": "neutral", "probability": true}',
        '{"label": "neutral", "probability": 0.7} {"label": "neutral", "probability": 0.2}',
        "neutral",
    ],
)
def test_a_label_without_a_sound_probability_is_not_whole(text: str) -> None:
    found = said(text)
    assert (found.label, found.probability, found.is_whole) == ("neutral", None, False)


@pytest.mark.parametrize(
    "text",
    [
        '{"label": "mixed", "probability": 0.7}',
        '{"label": null, "comment": "neutral"}',
        '{"label": ["neutral"], "probability": 0.7}',
        '{"label": "neutral", "label": "positive", "probability": 0.7}',
        '{"label": "neutral", "probability": 0.7} {"label": "positive", "probability": 0.7}',
        '{"label": "neutral", "probability": NaN}',
        '{"label": "neutral", "probability": 0.7',
        "{" * 9000,
        '{"a":' * 3000,
        "neutral or positive",
        '[{"label": "neutr"}]',
    ],
)
def test_anything_else_gives_no_label(text: str) -> None:
    found = said(text)
    assert (found.label, found.probability, found.is_whole) == (None, None, False)
    assert found.status == "off_codebook"


def test_refused_cut_and_empty_replies_say_so() -> None:
    assert said("", ending="refusal").status == "refusal"
    assert said('{"label": "neu', ending="length").status == "truncated"
    assert said("").status == "empty"
    assert said(GOOD, ending="length").label == "neutral"


def test_numbers_are_read_as_what_they_stand_for() -> None:
    for value in ("7", '"7"', "7.0", '"daily"'):
        assert said(f'{{"label": {value}, "probability": 1}}', TIMES).label == "daily"
    assert said('{"label": 3, "probability": 1}', TIMES).label is None


def test_a_set_comes_with_a_probability_for_each_code() -> None:
    probabilities = {"crime": 0.1, "health": 0.8, "tax": 0.9}
    whole = {"labels": ["tax", "health"], "probability": 0.6, "probabilities": probabilities}
    found = said(json.dumps(whole), TOPICS)
    assert (found.label, found.probability, dict(found.codes)) == ("health;tax", 0.6, probabilities)
    assert said(json.dumps({**whole, "labels": []}), TOPICS).label == "none"
    assert said(json.dumps({**whole, "labels": ["war"]}), TOPICS).label is None
    partly = said(json.dumps({**whole, "probabilities": {"tax": 0.9}}), TOPICS)
    assert (partly.label, dict(partly.codes), partly.is_whole) == ("health;tax", {}, False)


def test_the_schema_is_strict() -> None:
    for codebook in (TONE, TIMES, TOPICS):
        schema = response_format(codebook)["json_schema"]["schema"]
        assert schema["required"] == list(schema["properties"])
        assert schema["additionalProperties"] is False
    assert response_format(TIMES)["json_schema"]["schema"]["properties"]["label"]["enum"] == ["0", "2", "7"]
    assert most_tokens(TOPICS) > most_tokens(TONE) > 40


KEYS = st.sampled_from(["label", "labels", "probability", "probabilities", "x"])
LEAVES = (
    st.none()
    | st.booleans()
    | st.floats()
    | st.integers()
    | st.sampled_from([*TONE.names, *TOPICS.names, "none"])
)
VALUES = st.recursive(LEAVES, lambda inner: st.lists(inner) | st.dictionaries(KEYS, inner), max_leaves=8)


@given(
    text=st.text(alphabet='{}[]":,.0179abelnprotu \n') | VALUES.map(json.dumps),
    ending=st.sampled_from(["stop", "length", "refusal"]),
)
def test_no_reply_breaks_the_reading_or_makes_it_invent(text: str, ending: str) -> None:
    for codebook in (TONE, TIMES, TOPICS):
        found = said(text, codebook, ending)
        assert (found.label is None) == (found.status != "ok")
        assert found.label is None or codebook.spell(found.label) == found.label
        assert found.probability is None or 0 <= found.probability <= 1
        assert all(name in codebook.names and 0 <= value <= 1 for name, value in found.codes.items())
