"""A study played from known codes: the corpus, its rounds, and what the kernel makes of them."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from annotator.inference.rectify import Round
from annotator.sampling.design import first_round, later_round
from models.arrays import FloatArray, IntArray
from models.error_map import cross_fit, fit_error_map


@dataclass(frozen=True)
class Corpus:
    """Codes of N units and what one machine annotator said about them."""

    codes: IntArray
    machine_labels: IntArray
    confidence: FloatArray
    n_codes: int

    @property
    def share(self) -> FloatArray:
        """The true share of each code."""
        return np.bincount(self.codes, minlength=self.n_codes) / self.codes.size


def simulate_corpus(n_units: int, share: Sequence[float], skill: str, rng: np.random.Generator) -> Corpus:
    """A corpus with the given shares of codes and a machine annotator.

    ``skill``: ``none`` (labels independent of the codes), ``strong`` (95 % right, unsure where wrong), or
    ``adversarial`` (mostly the next code, and most confident where wrong).
    """
    n_codes = len(share)
    codes = rng.choice(n_codes, n_units, p=np.asarray(share) / np.sum(share))
    guess = rng.choice(n_codes, n_units, p=np.asarray(share) / np.sum(share))
    if skill == "none":
        said, confidence = guess, rng.uniform(0.3, 1.0, n_units)
    elif skill == "strong":
        right = rng.random(n_units) < 0.95
        said = np.where(right, codes, guess)
        confidence = np.where(right, rng.beta(8, 2, n_units), rng.beta(4, 4, n_units))
    elif skill == "adversarial":
        right = rng.random(n_units) < 0.3
        said = np.where(right, codes, (codes + 1) % n_codes)
        confidence = np.where(right, rng.beta(4, 4, n_units), rng.beta(8, 2, n_units))
    else:
        raise ValueError(skill)
    return Corpus(codes, said[:, None].astype(np.int64), confidence.round(2)[:, None], n_codes)


def play(
    corpus: Corpus, sizes: Sequence[int], rng: np.random.Generator, *, uniform_mix: float = 0.1
) -> tuple[list[Round], IntArray]:
    """Play the rounds of a study with the true codes as answers; returns the rounds and the gold."""
    gold = np.full(corpus.codes.size, -1)
    weight = np.ones(corpus.codes.size)
    rounds: list[Round] = []
    for number, size in enumerate(sizes, start=1):
        known = gold >= 0
        if known.all():
            break
        prediction = None
        if number == 1:
            design = first_round(corpus.machine_labels, corpus.confidence, size, rng)
        else:
            fitted = fit_error_map(
                corpus.machine_labels[known],
                corpus.confidence[known],
                gold[known],
                n_codes=corpus.n_codes,
                weights=weight[known],
                rng=rng,
            )
            prediction = fitted.predict(corpus.machine_labels, corpus.confidence)
            said = prediction[np.arange(gold.size), corpus.machine_labels[:, 0]]
            design = later_round(
                prediction,
                1.0 - said,
                ~known,
                size,
                rng,
                map_has_skill=fitted.has_skill,
                uniform_mix=uniform_mix,
                machine_labels=corpus.machine_labels,
                confidence=corpus.confidence,
            )
        probability = np.full(gold.size, np.nan)
        drawn = np.zeros(gold.size, dtype=bool)
        stratum = np.zeros(gold.size, dtype=np.int64)
        probability[design.units] = design.inclusion_probability
        drawn[design.units] = design.drawn
        stratum[design.units] = design.stratum
        gold[drawn] = corpus.codes[drawn]
        weight[drawn] = 1.0 / probability[drawn]
        if prediction is None:
            prediction = cross_fit(
                corpus.machine_labels,
                corpus.confidence,
                gold,
                fold=stratum,
                n_codes=corpus.n_codes,
                weights=weight,
                rng=rng,
            )
        rounds.append(Round(number, known, probability, drawn, stratum, prediction))
    return rounds, gold
