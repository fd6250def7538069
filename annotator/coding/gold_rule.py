"""Which of the rules for gold a study has chosen, applied to the codes of a round."""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from annotator.codebook import Codebook
from annotator.coders import Gold
from annotator.coding.disagreement import ADJUDICATED
from annotator.coding.gold import form_gold
from annotator.coding.gold_by_experts import gold_by_experts
from annotator.coding.gold_by_model import can_learn, gold_by_model


def apply(
    rule: Gold,
    codes: pd.DataFrame,
    earlier: pd.DataFrame,
    *,
    drawn: Sequence[str],
    overlap: Mapping[str, int],
    codebook: Codebook,
    rng: np.random.Generator,
    adjudicated: Mapping[str, str] | None = None,
) -> tuple[pd.DataFrame, pd.DataFrame | None]:
    """Gold of the drawn units, and the probabilities behind it where a model stands behind it.

    ``codes`` are those of the round, ``earlier`` those of the rounds before. ``adjudicated`` has the label of
    each unit, of any round, that an adjudicator settled, and no rule changes it. Where nothing shows how
    coders err (no unit coded twice, none by an expert), the model has nothing to learn from, and gold is
    formed as without it.
    """
    settled = adjudicated or {}
    if rule.rule == "expert":
        labels = gold_by_experts(codes, drawn, overlap, codebook, experts=rule.experts, rng=rng)
        return _settle(labels, settled), None
    if rule.rule == "dawid_skene":
        everything = pd.concat([earlier, codes], ignore_index=True)
        if can_learn(everything, codebook, rule.experts):
            return gold_by_model(
                everything, drawn, codebook, experts=rule.experts, rng=rng, adjudicated=settled
            )
    return _settle(form_gold(codes, drawn, overlap, codebook, rng)[0], settled), None


def _settle(labels: pd.DataFrame, adjudicated: Mapping[str, str]) -> pd.DataFrame:
    """Gold with the label that an adjudicator gave where there is one."""
    decided = labels["unit_id"].map(adjudicated)
    is_decided = decided.notna()
    return labels.assign(
        label=decided.where(is_decided, labels["label"]), how=labels["how"].mask(is_decided, ADJUDICATED)
    )
