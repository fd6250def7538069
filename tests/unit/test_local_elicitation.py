"""A model on this machine asked more than once: sampled, shuffled, in JSON."""

import math
from pathlib import Path

import numpy as np
import pytest
from labeling_setup import PROMPTS, UNITS
from tiny_model import CODEBOOK, TEXTS

from annotator.labeling.dialogue import Variation
from annotator.labeling.local import TransformersAnnotator
from annotator.labeling.orders import orders
from annotator.labeling.prompts import Prompts
from annotator.labeling.protocol import MachineLabel, Unit


def small(path: Path, **options: object) -> TransformersAnnotator:
    settings = {"prompts": PROMPTS, "confidence": "none", **options}
    return TransformersAnnotator("small", model_path=str(path), codebook=CODEBOOK, **settings)  # type: ignore[arg-type]


def essence(row: MachineLabel) -> tuple[object, ...]:
    return row.unit_id, row.label, row.raw, row.signals.get("agreement")


def test_samples_do_not_depend_on_batch_or_company(tiny: Path) -> None:
    variation = Variation(samples=4, temperature=1.5, seed=3)
    together = small(tiny, variation=variation, batch_size=64).label(UNITS)
    alone = [small(tiny, variation=variation, batch_size=3).label([unit])[0] for unit in UNITS[:3]]
    assert [essence(row) for row in alone] == [essence(row) for row in together[:3]]
    assert {row.attempts for row in together} == {4}


def test_other_seeds_and_hotter_samples_differ(tiny: Path) -> None:
    def said(seed: int, temperature: float) -> list[str | None]:
        variation = Variation(samples=4, temperature=temperature, seed=seed)
        return [row.raw for row in small(tiny, variation=variation).label(UNITS)]

    hot = said(1, 3.0)
    assert hot != said(2, 3.0)
    cold = said(1, 0.01)
    assert [raw.splitlines() if raw else [] for raw in cold] == [[TEXTS[unit.text]] * 4 for unit in UNITS]


def test_samples_come_as_often_as_their_probability(tiny: Path) -> None:
    """Of 400 samples the share of one reply's first token is that of the softmax at the same temperature."""
    model = small(tiny)._model
    temperature, count = 2.0, 400
    conversation = PROMPTS.label(UNITS[0].text)
    (greedy,) = model.reply([conversation], 1)
    likeliest = greedy.likeliest[0]  # type: ignore[union-attr]
    rows = small(tiny, variation=Variation(samples=count, temperature=temperature), batch_size=100).label(
        UNITS[:1]
    )
    first = likeliest[0][0]
    share = np.mean([line.startswith(first) for line in (rows[0].raw or "").splitlines()])
    logits = _logits(tiny)
    expected = math.exp(logits.max() / temperature) / np.exp(logits / temperature).sum()
    assert abs(share - expected) < 4 * math.sqrt(expected * (1 - expected) / count)


def _logits(tiny: Path) -> np.ndarray:
    """The model's logits of the first token of its reply to the first unit."""
    import torch  # noqa: PLC0415

    model = small(tiny)._model
    (tokens,) = model._tokens([PROMPTS.label(UNITS[0].text)])
    with torch.inference_mode():
        logits = model._model(torch.tensor([tokens])).logits[0, -1]
    return np.asarray(logits.numpy(), dtype=float)


def test_other_orders_are_asked_of_the_same_model(tiny: Path) -> None:
    others = orders(CODEBOOK.names, 2, np.random.default_rng(0))
    variation = Variation(shuffled=[PROMPTS.with_order(order) for order in others])
    for row in small(tiny, variation=variation, confidence="verbalized").label(UNITS):
        assert row.attempts == 4
        assert "verbalized" in row.signals
        assert 0 <= row.signals["shuffle_agreement"] <= 1
        assert row.signals[f"shuffle:0:{row.label}"] == CODEBOOK.names.index(row.label or "") + 1


def test_the_distribution_over_codes_is_recorded_where_tokens_tell(tiny: Path) -> None:
    rows = {row.label: row for row in small(tiny).label(UNITS)}
    other = rows["other"].signals
    assert other["logprob"] == pytest.approx(rows["other"].logprob)
    assert other["code:other"] > 0.5
    assert other["logprob_margin"] > 0
    # The names of the two other codes begin alike.
    assert "code:health" not in rows["health"].signals


def test_json_a_model_was_never_taught_is_no_label(tiny: Path) -> None:
    rows = small(tiny, confidence="structured", prompts=Prompts(CODEBOOK, as_json=True)).label(UNITS[:3])
    for row in rows:
        assert row.label in (None, *CODEBOOK.names)
        assert row.attempts in (1, 2)


def test_a_batch_of_many_questions_keeps_the_order_of_units(tiny: Path) -> None:
    units = [Unit(f"{n}", UNITS[n % len(UNITS)].text) for n in range(40)]
    rows = small(tiny, variation=Variation(samples=3, temperature=0.01), batch_size=16).label(units)
    assert [row.unit_id for row in rows] == [unit.unit_id for unit in units]
    assert [row.label for row in rows] == [TEXTS[unit.text] for unit in units]
