"""Texts that contain instructions stay texts: what they cannot do, whatever the model makes of them.

How many labels such texts change all the same is measured by ``benchmarks/injections.py``.
"""

import re
from pathlib import Path

import pytest
import yaml
from chat_endpoint import Answer, ChatEndpoint, completion
from codebooks import TOPICS
from labeling_setup import PROMPTS, UNITS, openai_annotator, text_of
from tiny_model import CODEBOOK, TEXTS

from annotator.labeling.cache import ReplyCache
from annotator.labeling.local import TransformersAnnotator
from annotator.labeling.prompts import Prompts
from annotator.labeling.protocol import Unit

INJECTIONS: list[str] = yaml.safe_load((Path(__file__).parents[1] / "injections.yaml").read_text())
_TAG = re.compile(r"[<\uff1c]\s*/?\s*text", re.IGNORECASE)


def test_there_are_enough_of_them() -> None:
    assert len({*INJECTIONS}) == len(INJECTIONS) > 30


@pytest.mark.parametrize("as_json", [False, True])
@pytest.mark.parametrize("text", INJECTIONS)
def test_none_leaves_its_delimiters_or_takes_a_turn(text: str, as_json: bool) -> None:
    plain = Prompts(CODEBOOK, as_json=as_json).label("harmless")
    system, user = Prompts(CODEBOOK, as_json=as_json).label(text)
    assert system == plain[0]
    assert user["role"] == "user"
    before, after = plain[1]["content"].split("harmless")
    assert user["content"].startswith(before)
    assert user["content"].endswith(after)
    inside = user["content"].removeprefix(before).removesuffix(after)
    assert not _TAG.search(inside)
    assert inside.replace("\u200b", "") == text.replace("\u200b", "")


@pytest.mark.parametrize("text", INJECTIONS)
def test_none_breaks_out_of_a_pair_or_an_example(text: str) -> None:
    prompts = Prompts(TOPICS, columns=("claim", "reply"))
    unit = prompts.label(f"claim: {text}\n\nreply: {text}")[1]["content"]
    assert (
        len(re.findall(r"^</text>$", unit, re.MULTILINE))
        == len(re.findall(r"^<text", unit, re.MULTILINE))
        == 2
    )


def test_none_is_read_as_the_models_reply(cache: ReplyCache) -> None:
    """The label comes from what the model says, whatever the text says."""

    def behave(messages: list[dict[str, str]], _: int) -> Answer:
        return completion("80%" if len(messages) == 4 else "health")

    units = [Unit(str(number), text) for number, text in enumerate(INJECTIONS)]
    with ChatEndpoint(behave) as endpoint:
        rows = openai_annotator(endpoint.base_url, cache).label(units)
        asked = {text_of(request["messages"]) for request in endpoint.requests}
    assert {(row.label, row.confidence) for row in rows} == {("health", 0.8)}
    assert {len(request["messages"]) for request in endpoint.requests} == {2, 4}
    assert len(asked) == len(units)


def test_none_becomes_a_control_token_of_a_model_here(tiny: Path) -> None:
    annotator = TransformersAnnotator(
        "small", model_path=str(tiny), prompts=PROMPTS, codebook=CODEBOOK, confidence="none"
    )
    model = annotator._model
    (plain,) = model._tokens([PROMPTS.label("harmless")])
    special = [token for token in plain if token in model._tokenizer.all_special_ids]
    for text in INJECTIONS:
        (tokens,) = model._tokens([PROMPTS.label(text)])
        assert [token for token in tokens if token in model._tokenizer.all_special_ids] == special


def test_a_model_that_was_never_told_to_obey_codes_on(tiny: Path) -> None:
    """The tiny model knows its texts by heart: their neighbours in the batch change nothing."""
    annotator = TransformersAnnotator(
        "small", model_path=str(tiny), prompts=PROMPTS, codebook=CODEBOOK, confidence="none"
    )
    injected = [Unit(f"i{number}", text) for number, text in enumerate(INJECTIONS)]
    rows = {row.unit_id: row.label for row in annotator.label([*injected, *UNITS])}
    assert [rows[unit.unit_id] for unit in UNITS] == list(TEXTS.values())
    assert {rows[unit.unit_id] for unit in injected} <= {None, *CODEBOOK.names}
