"""Gold by the model of Dawid and Skene: the likeliest code given who said what."""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
import pyarrow as pa

from annotator import label_sets, schema
from annotator.codebook import Codebook
from annotator.coding import gold_by_experts
from annotator.coding.dawid_skene import dawid_skene
from annotator.coding.disagreement import ADJUDICATED
from annotator.coding.experts import is_expert
from annotator.coding.ratings import Ratings, label_ratings, ratings
from annotator.coding.reliability.coefficient import MISSING
from models.arrays import FloatArray, IntArray

HOW = "dawid_skene"
TIE = 1e-9


def can_learn(codes: pd.DataFrame, codebook: Codebook, experts: Sequence[str]) -> bool:
    """Whether the codes show how coders err: a unit coded by two, or by an expert."""
    found = ratings(codes, codebook)
    return bool((found.given.sum(axis=1) >= 2).any()) or bool(is_expert(found.coders, experts).any())


def gold_by_model(
    codes: pd.DataFrame,
    drawn: Sequence[str],
    codebook: Codebook,
    *,
    experts: Sequence[str],
    rng: np.random.Generator,
    adjudicated: Mapping[str, str] | None = None,
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Gold in the columns of ``schema.GOLD`` for the drawn units with a code, and probabilities behind it.

    ``codes`` are those of this round and all earlier ones: what a coder did there tells how that coder errs.
    A unit on whose code the ``experts`` who coded it agree is known and keeps it (``expert``); so is one that
    was ``adjudicated`` (unit to label, of all rounds). Every other one gets its likeliest code
    (``dawid_skene``), by lot where several are equally likely. A multilabel codebook is modelled code by
    code, and a code applies where its probability is above a half.

    The second frame holds ``unit_id`` and a probability for each code.

    Measurement error remains, and it is no longer that of one coder picked at random: the label leans on
    the model (coders err independently given the code, alike on all units) and on the codes of other
    units. Where the model is wrong the estimates are off by an amount that no interval shows.
    """
    found = ratings(codes, codebook)
    known = _known(codes, found, codebook, experts)
    settled = _settled(found, adjudicated or {}, codebook)
    known = np.where(settled[:, -1:] == 1, settled, known)
    probability = _probabilities(found, known, codebook)
    place = {unit: at for at, unit in enumerate(found.units)}
    lots = rng.random(len(drawn))
    rows, kept = [], []
    for unit, lot in zip(drawn, lots, strict=True):
        if unit in place:
            at = place[unit]
            how = _how(bool(settled[at, -1]), bool(known[at, -1]))
            rows.append({"unit_id": unit, "label": _label(probability[at], codebook, lot), "how": how})
            kept.append(at)
    gold: pd.DataFrame = pa.Table.from_pylist(rows, schema=schema.GOLD).to_pandas()
    behind = pd.DataFrame(probability[kept], columns=list(codebook.names))
    behind.insert(0, "unit_id", gold["unit_id"])
    return gold, behind


def _how(is_adjudicated: bool, is_known: bool) -> str:
    if is_adjudicated:
        return ADJUDICATED
    return gold_by_experts.HOW if is_known else HOW


def _settled(found: Ratings, adjudicated: Mapping[str, str], codebook: Codebook) -> IntArray:
    """(n, K + 1) what an adjudicator decided, as `_known` has it of experts."""
    labels = pd.Series([adjudicated.get(unit) for unit in found.units], dtype=object)
    said = label_ratings(found.units, labels, codebook, ADJUDICATED)
    return np.column_stack([said.carries[:, 0], said.given[:, 0]]).astype(np.int64)


def _known(codes: pd.DataFrame, found: Ratings, codebook: Codebook, experts: Sequence[str]) -> IntArray:
    """(n, K + 1) what agreeing experts said: one-hot codes, and last whether there is such a label."""
    said = ratings(codes[is_expert(codes["coder"], experts)], codebook).of(found.units)
    n_experts = said.given.sum(axis=1)
    votes = said.carries.sum(axis=1)
    agreed = (n_experts > 0) & ((votes == 0) | (votes == n_experts[:, None])).all(axis=1)
    return np.column_stack([(votes > 0) & agreed[:, None], agreed]).astype(np.int64)


def _probabilities(found: Ratings, known: IntArray, codebook: Codebook) -> FloatArray:
    """(n, K) the probability of each code; each by itself where several may apply."""
    is_known, n_codes = known[:, -1] == 1, len(codebook.names)
    if not codebook.is_multilabel:
        given = np.where(is_known, known[:, :-1].argmax(axis=1), MISSING)
        return dawid_skene(found.whole()[0], n_codes, given).posterior
    parts = [
        dawid_skene(found.of_code(k), 2, np.where(is_known, known[:, k], MISSING)).posterior[:, 1]
        for k in range(n_codes)
    ]
    return np.column_stack(parts)


def _label(probability: FloatArray, codebook: Codebook, lot: float) -> str:
    if codebook.is_multilabel:
        chosen = [name for name, p in zip(codebook.names, probability, strict=True) if p > 0.5]
        return label_sets.join(chosen, codebook.names)
    likeliest = np.flatnonzero(probability >= probability.max() - TIE)
    return codebook.names[int(likeliest[int(lot * len(likeliest))])]
