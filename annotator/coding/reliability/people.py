"""How far people agree: all together, on each code, each coder with the others, each pair."""

from collections.abc import Iterator
from itertools import combinations

import numpy as np
from scipy import sparse

from annotator.coding.reliability.alpha import alpha_of_counts, krippendorff_alpha
from annotator.coding.reliability.bootstrap import Measured, measure
from annotator.coding.reliability.coded import Coded
from annotator.coding.reliability.coefficient import MISSING, NO_OVERLAP, Coefficient
from annotator.coding.reliability.cohen import against_others, cohen_kappa
from annotator.coding.reliability.counts import code_counts
from annotator.coding.reliability.fleiss import fleiss_kappa
from annotator.coding.reliability.gwet import gwet_ac1
from annotator.coding.reliability.percent import percent_agreement
from annotator.coding.reliability.rows import Row, Scope, row
from models.arrays import BoolArray, IntArray


def among_people(
    coded: Coded, number: int, scope: Scope, rng: np.random.Generator, confidence_level: float
) -> Iterator[Row]:
    """All coders together, on the whole label and on each code, with both weightings."""
    coefficients = overall(coded)
    by_code = {name: _of_code(coded.people.of_code(k)) for name, k in coded.separate}
    for weighting, weights in coded.weightings:
        parts = [("", coefficients), *by_code.items()]
        flat = [each for _, of in parts for each in of.values()]
        measured = iter(measure(flat, rng, weights=weights, confidence_level=confidence_level))
        for label, of in parts:
            for statistic in of:
                yield row(number, scope, statistic, next(measured), weighting=weighting, label=label)


def overall(coded: Coded) -> dict[str, Coefficient]:
    """Coefficients of the whole label by name. AC1 is left out where labels are sets of codes."""
    said, n = coded.said, coded.n_labels
    found = {"percent_agreement": percent_agreement(said, n), "alpha_nominal": krippendorff_alpha(said, n)}
    if coded.level != "nominal":
        values = coded.codebook.numbers
        found[f"alpha_{coded.level}"] = krippendorff_alpha(said, n, coded.level, values)
    found["fleiss_kappa"] = fleiss_kappa(said, n)
    if not coded.codebook.is_multilabel:
        found["gwet_ac1"] = gwet_ac1(said, n)
    return found


def _of_code(codes: IntArray) -> dict[str, Coefficient]:
    return {
        "percent_agreement": percent_agreement(codes, 2),
        "alpha_nominal": krippendorff_alpha(codes, 2),
        "gwet_ac1": gwet_ac1(codes, 2),
    }


def of_coders(
    coded: Coded, number: int, scope: Scope, rng: np.random.Generator, confidence_level: float
) -> Iterator[Row]:
    """Each coder against the others, and all without this coder; units as they were coded."""
    said, n = coded.said, coded.n_labels
    everyone = code_counts(said, n)
    for at, coder in enumerate(coded.people.coders):
        own = said[said[:, at] != MISSING]
        others = np.delete(own, at, axis=1)
        coefficients = {
            "percent_agreement": against_others(own[:, at], others, n, corrected=False),
            "kappa_against_others": against_others(own[:, at], others, n),
        }
        measured = measure([*coefficients.values()], rng, confidence_level=confidence_level)
        for statistic, found in zip(coefficients, measured, strict=True):
            yield row(number, scope, statistic, found, coder=coder)
        without = alpha_of_counts(everyone.without(said[:, at]))
        (rest,) = measure([without], rng, confidence_level=confidence_level)
        yield row(number, scope, "alpha_without", rest, coder=coder)


def of_pairs(
    coded: Coded,
    number: int,
    scope: Scope,
    rng: np.random.Generator,
    confidence_level: float,
    *,
    strangers: bool = True,
) -> Iterator[Row]:
    """Each pair of coders on the units that both coded; pairs that share none are ``strangers``."""
    said, n, coders = coded.said, coded.n_labels, coded.people.coders
    by_coder = np.ascontiguousarray(said.T != MISSING)
    met = _met(by_coder)
    for a, b in combinations(range(len(coders)), 2) if strangers else sorted(met):
        found = Measured(np.nan, np.nan, np.nan, 0, NO_OVERLAP)
        if (a, b) in met:
            of_both = said[by_coder[a] & by_coder[b]]
            kappa = cohen_kappa(of_both[:, a], of_both[:, b], n)
            (found,) = measure([kappa], rng, confidence_level=confidence_level)
        yield row(number, scope, "cohen_kappa", found, coder=coders[a], other=coders[b])


def _met(by_coder: BoolArray) -> set[tuple[int, int]]:
    """The pairs a < b of coders who coded a unit in common, from who coded what (C, n)."""
    given = sparse.csr_array(by_coder, dtype=np.int64)
    first, second = sparse.triu(given @ given.T, k=1).nonzero()
    return set(zip(first.tolist(), second.tolist(), strict=True))
