"""A study played from known codes: the corpus, its rounds, and what the kernel makes of them."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from annotator.inference.estimands import Estimand
from annotator.inference.estimands.mean import Mean
from annotator.inference.rectify import Round
from annotator.sampling.campaign import Campaign, Part
from annotator.sampling.played import play as played_through
from models.arrays import FloatArray, IntArray
from models.signals import Signals

SKILLS = ("none", "fair", "strong", "adversarial")
# How often the machine knows the code, and the beta distributions of its confidence where right and wrong.
KNOWS = {"fair": 0.6, "strong": 0.95}
MEAN = Mean("prevalence")


@dataclass(frozen=True)
class Corpus:
    """Codes of N units and what one machine annotator said about them."""

    codes: IntArray
    signals: Signals
    n_codes: int

    @property
    def share(self) -> FloatArray:
        """The true share of each code."""
        return np.bincount(self.codes, minlength=self.n_codes) / self.codes.size


def simulate_corpus(n_units: int, share: Sequence[float], skill: str, rng: np.random.Generator) -> Corpus:
    """A corpus with the given shares of codes and a machine annotator.

    ``skill``: ``none`` (labels independent of the codes), ``fair`` and ``strong`` (knows the code of 60 % and
    95 % of the units, unsure where wrong), or ``adversarial`` (mostly the next code, and most confident where
    wrong). The shares are met to within one unit.
    """
    n_codes = len(share)
    edges = np.rint(np.cumsum(share) / np.sum(share) * n_units).astype(np.int64)
    codes = rng.permutation(np.searchsorted(edges, np.arange(n_units), side="right"))
    guess = rng.permutation(codes)
    if skill == "none":
        said, confidence = guess, rng.uniform(0.3, 1.0, n_units)
    elif skill in KNOWS:
        right = rng.random(n_units) < KNOWS[skill]
        said = np.where(right, codes, guess)
        confidence = np.where(right, rng.beta(8, 2, n_units), rng.beta(4, 4, n_units))
    elif skill == "adversarial":
        right = rng.random(n_units) < 0.3
        said = np.where(right, codes, (codes + 1) % n_codes)
        confidence = np.where(right, rng.beta(4, 4, n_units), rng.beta(8, 2, n_units))
    else:
        raise ValueError(skill)
    return Corpus(codes, Signals(said[:, None].astype(np.int64), confidence.round(2)[:, None]), n_codes)


def play(
    corpus: Corpus,
    sizes: Sequence[int],
    rng: np.random.Generator,
    *,
    uniform_mix: float = 0.1,
    estimands: Sequence[Estimand] = (MEAN,),
    candidates: Sequence[str] = ("table", "logistic"),
) -> tuple[list[Round], IntArray]:
    """Play the rounds of a study with the true codes as answers; returns the rounds and the gold."""
    part = Part(corpus.signals, [str(code) for code in range(corpus.n_codes)], estimands)
    campaign = Campaign([part], uniform_mix=uniform_mix, candidates=candidates)
    played = played_through(campaign, [corpus.codes], sizes, rng)
    return list(played.rounds[0]), played.gold[0]
