"""Gold where somebody's code settles the matter: those of named experts win."""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from annotator.codebook import Codebook
from annotator.coding.experts import is_expert
from annotator.coding.gold import form_gold
from annotator.coding.ratings import ratings

HOW = "expert"


def gold_by_experts(
    codes: pd.DataFrame,
    drawn: Sequence[str],
    overlap: Mapping[str, int],
    codebook: Codebook,
    *,
    experts: Sequence[str],
    rng: np.random.Generator,
) -> pd.DataFrame:
    """Gold as `form_gold` makes it, of the experts' codes alone for units that an expert coded.

    Those are called ``expert``; several experts settle it among themselves as coders do. The estimates then
    are of what experts would say of every unit only if experts coded every drawn unit, or units picked
    at random: an expert who looks at disputed units alone mends these, and what both coders got wrong stays.

    >>> from annotator.codebook import Code
    >>> book = Codebook(question="Which?", type="binary", labels=[Code(name="x"), Code(name="y")])
    >>> rows = pd.DataFrame({"unit_id": ["a", "a", "b"], "coder": ["ann", "prof", "ann"],
    ...                      "label": ["x", "y", "x"], "skipped": False})
    >>> gold_by_experts(rows, ["a", "b"], {"a": 2, "b": 1}, book,
    ...                 experts=["prof"], rng=np.random.default_rng(0)).values.tolist()
    [['a', 'y', 'expert'], ['b', 'x', 'single']]
    """
    by_expert = is_expert(codes["coder"], experts)
    settled = set(ratings(codes[by_expert], codebook).units)
    counted = codes[by_expert | ~codes["unit_id"].isin(settled)]
    gold, _ = form_gold(counted, drawn, overlap, codebook, rng)
    gold.loc[gold["unit_id"].isin(settled), "how"] = HOW
    return gold
