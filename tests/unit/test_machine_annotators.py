"""What every machine annotator promises, on every implementation."""

import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from chat_endpoint import Answer, ChatEndpoint, completion
from labeling_setup import PROMPTS, STRANGE, UNITS, knows, openai_annotator, text_of
from tiny_model import CODEBOOK, TEXTS

from annotator.labeling.cache import ReplyCache
from annotator.labeling.dialogue import Variation
from annotator.labeling.local import TransformersAnnotator
from annotator.labeling.orders import orders
from annotator.labeling.prompts import Prompts
from annotator.labeling.protocol import MachineAnnotator, MachineLabel, to_table
from annotator.labeling.replay import ReplayAnnotator
from annotator.schema import MACHINE_LABELS


def knows_json(messages: list[dict[str, str]], _: int = 1) -> Answer:
    """Answers as the tiny model does, in JSON; in words what it does not know."""
    label = TEXTS.get(text_of(messages).removesuffix("\n</text>\nJSON:"))
    return completion(json.dumps({"label": label, "probability": 0.8}) if label else "nothing fits")


def often() -> Variation:
    """Every question sampled, and asked in other orders."""
    others = orders(CODEBOOK.names, 2, np.random.default_rng(0))
    return Variation(samples=3, temperature=0.01, shuffled=[PROMPTS.with_order(order) for order in others])


@pytest.fixture(params=["openai", "structured", "transformers", "sampled", "replay"])
def annotator(request: pytest.FixtureRequest, cache: ReplyCache, tiny: Path) -> Iterator[MachineAnnotator]:
    match request.param:
        case "openai":
            with ChatEndpoint(knows) as endpoint:
                yield openai_annotator(endpoint.base_url, cache)
        case "structured":
            with ChatEndpoint(knows_json) as endpoint:
                prompts = Prompts(CODEBOOK, as_json=True)
                yield openai_annotator(endpoint.base_url, cache, prompts=prompts, confidence="structured")
        case "sampled":
            yield TransformersAnnotator(
                "small", model_path=str(tiny), prompts=PROMPTS, codebook=CODEBOOK, variation=often()
            )
        case "transformers":
            yield TransformersAnnotator(
                "small", model_path=str(tiny), prompts=PROMPTS, codebook=CODEBOOK, batch_size=4
            )
        case "replay":
            labels = {unit.unit_id: TEXTS[unit.text] for unit in UNITS}
            yield ReplayAnnotator("old", labels, {unit.unit_id: 0.5 for unit in UNITS}, CODEBOOK)


def assert_sound(row: MachineLabel) -> None:
    assert (row.label in CODEBOOK.names) if row.status == "ok" else row.label is None
    assert row.confidence is None or 0 <= row.confidence <= 1
    assert row.logprob is None or row.logprob <= 0
    assert row.cost >= 0
    assert row.seconds >= 0


def test_known_texts_get_their_labels(annotator: MachineAnnotator) -> None:
    rows = annotator.label(UNITS)
    assert [row.label for row in rows] == list(TEXTS.values())
    assert {row.status for row in rows} == {"ok"}
    assert all(row.confidence is not None for row in rows)
    assert {row.annotator for row in rows} == {annotator.name}


def test_every_unit_gets_a_sound_row_in_order(annotator: MachineAnnotator) -> None:
    units = [*STRANGE, *UNITS, *STRANGE[:2]]
    rows = annotator.label(units)
    assert [row.unit_id for row in rows] == [unit.unit_id for unit in units]
    for row in rows:
        assert_sound(row)


def test_rows_fit_the_table(annotator: MachineAnnotator) -> None:
    rows = annotator.label([*UNITS, *STRANGE])
    table = to_table(rows)
    assert table.schema == MACHINE_LABELS
    assert table["label"].to_pylist() == [row.label for row in rows]


def test_order_and_company_change_no_label(annotator: MachineAnnotator) -> None:
    together = {row.unit_id: row.label for row in annotator.label([*UNITS, *STRANGE])}
    for unit in reversed(UNITS):
        assert annotator.label([unit])[0].label == together[unit.unit_id]


def test_no_units_no_rows(annotator: MachineAnnotator) -> None:
    assert annotator.label([]) == []
    assert to_table([]).schema == MACHINE_LABELS


def test_check_says_something(annotator: MachineAnnotator) -> None:
    assert annotator.check()
