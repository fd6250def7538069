"""Linear, logistic and Poisson regression with the label as the outcome or among the covariates."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from scipy import special

from annotator.errors import NotEstimableError
from annotator.inference.estimands import Term
from annotator.inference.estimands.coefficients import SEPARATED, Coefficients, is_nuisance
from annotator.inference.estimands.newton import inverse, refuse_no_mass, root
from annotator.inference.stretches import rows, stretches
from models.arrays import FloatArray, IntArray

Link = Literal["identity", "logit", "log"]


@dataclass(frozen=True)
class Regression:
    """Coefficients of a generalized linear model with its canonical link, on the whole corpus.

    The covariates of unit i with code k are ``covariates[i] + code_covariates[k]``, the outcome is
    ``outcome[i]`` or, where the label is the outcome, ``code_outcome[k]``.

    Parameters
    ----------
    name : str
    terms : sequence of str
        One name a coefficient; p of them.
    link : str
        ``identity`` (least squares), ``logit`` or ``log`` (Poisson).
    covariates : (N, p) array
        With a column of ones for the intercept, and zeros where a covariate is of the label.
    code_outcome : (K,) array, optional
        What each code stands for, if the label is the outcome.
    outcome : (N,) array, optional
        Of the units, if the label is among the covariates.
    code_covariates : (K, p) array, optional
    weights : (N,) array, optional
        Of the corpus.
    label : int, optional
        The code that the estimand speaks of.

    Examples
    --------
    >>> x = np.array([[1.0, 0.0], [1.0, 1.0], [1.0, 2.0]])
    >>> labels = np.array([[1.0, 0.0], [0.5, 0.5], [0.0, 1.0]])
    >>> line = Regression("line", ("intercept", "x"), "identity", x, code_outcome=np.array([0.0, 1.0]))
    >>> line.solve(labels).values.round(6).tolist()
    [0.0, 0.5]
    """

    name: str
    terms: Sequence[str]
    link: Link
    covariates: FloatArray
    code_outcome: FloatArray | None = None
    outcome: FloatArray | None = None
    code_covariates: FloatArray | None = None
    weights: FloatArray | None = None
    label: int | None = None

    def solve(self, labels: FloatArray) -> "RegressionSolution | OutcomeRegressionSolution":
        """The root of ``sum_i w_i sum_k z_ik x_ik (o_ik - mean(x_ik theta))``.

        Raises NotEstimableError if a covariate follows from others, or if they separate the outcome.
        """
        terms = tuple(Term(term, self.label, "", is_nuisance(term, self.terms)) for term in self.terms)
        if self.code_covariates is None:
            parts = [self._label_as_outcome(labels)]
        else:
            parts = self._label_as_covariate(labels)
        theta, slope = root(self.name, self._start(parts), lambda theta: equations(theta, parts, self.link))
        self._refuse_separation(theta, parts)
        inverted = inverse(self.name, -slope)
        if self.code_covariates is None:
            return OutcomeRegressionSolution(terms, theta, inverted, len(self.covariates), self)
        return RegressionSolution(terms, theta, inverted, len(self.covariates), self)

    def _label_as_outcome(self, labels: FloatArray) -> "Part":
        """Every code has the same covariates, so that labels count through their mass and mean outcome."""
        assert self.code_outcome is not None
        mass, total = labels @ np.ones(labels.shape[1]), labels @ self.code_outcome
        if self.weights is not None:
            mass, total = mass * self.weights, total * self.weights
        return Part.of(self.covariates, mass, total)

    def _label_as_covariate(self, labels: FloatArray) -> list["Part"]:
        assert self.code_covariates is not None
        assert self.outcome is not None
        weighted = labels if self.weights is None else labels * self.weights[:, None]
        return [
            Part.of(self.covariates + added, mass, mass * self.outcome)
            for mass, added in zip(weighted.T, self.code_covariates, strict=True)
        ]

    def _start(self, parts: list["Part"]) -> FloatArray:
        """Zero slopes, and as the intercept the link of the mean outcome."""
        start = np.zeros(len(self.terms))
        mass = sum(float(p.mass.sum()) for p in parts)
        refuse_no_mass(self.name, mass)
        mean = sum(float(p.total.sum()) for p in parts) / mass
        if self.link == "logit":
            start[0] = special.logit(np.clip(mean, 0.01, 0.99))
        elif self.link == "log":
            start[0] = np.log(max(mean, 1e-6))
        return start

    def _refuse_separation(self, theta: FloatArray, parts: list["Part"]) -> None:
        if self.link == "identity":
            return
        if max(float(np.abs(part.covariates @ theta).max(initial=0.0)) for part in parts) > SEPARATED:
            raise NotEstimableError(
                f"Estimand '{self.name}' has no finite answer: the covariates separate the outcome.",
                hint="Code more units, or leave out the covariate under which one outcome never occurs.",
            )


@dataclass(frozen=True)
class Part:
    """Rows of the stacked corpus that weigh something: covariates, label mass, and mass times outcome."""

    covariates: FloatArray
    mass: FloatArray
    total: FloatArray

    @classmethod
    def of(cls, covariates: FloatArray, mass: FloatArray, total: FloatArray) -> "Part":
        """The rows (n, p), (n,), (n,) without those that weigh nothing."""
        used = np.flatnonzero((mass != 0) | (total != 0))
        if used.size == mass.size:
            return cls(covariates, mass, total)
        return cls(covariates[used], mass[used], total[used])


@dataclass(frozen=True)
class RegressionSolution(Coefficients):
    """Coefficients of a model with the label among its covariates."""

    model: Regression

    def influence(self, t: int, units: IntArray) -> FloatArray:
        """``w (A^-1 x_k)_t (o - mean(x_k theta))`` for each code, (len(units), K)."""
        model = self.model
        assert model.code_covariates is not None
        assert model.outcome is not None
        base, outcome = rows(model.covariates, units), rows(model.outcome, units)
        influence = np.empty((units.size, len(model.code_covariates)))
        for k, added in enumerate(model.code_covariates):
            x = base + added
            mean, _ = mean_and_change(x @ self.values, model.link)
            influence[:, k] = (x @ self.inverse[t]) * (outcome - mean)
        return influence if model.weights is None else influence * rows(model.weights, units)[:, None]


@dataclass(frozen=True)
class OutcomeRegressionSolution(Coefficients):
    """Coefficients of a model whose outcome is the label."""

    model: Regression

    def outcome(self, t: int) -> FloatArray:
        """The outcome of each code, (K,)."""
        del t
        assert self.model.code_outcome is not None
        return self.model.code_outcome

    def leverage(self, t: int, units: IntArray) -> FloatArray:
        """``w (A^-1 x)_t``, (len(units),)."""
        leverage: FloatArray = rows(self.model.covariates, units) @ self.inverse[t]
        return leverage if self.model.weights is None else leverage * rows(self.model.weights, units)

    def fitted(self, t: int, units: IntArray) -> FloatArray:
        """``mean(x theta)``, (len(units),)."""
        del t
        return mean_and_change(rows(self.model.covariates, units) @ self.values, self.model.link)[0]

    def influence(self, t: int, units: IntArray) -> FloatArray:
        """``leverage * (outcome - mean(x theta))``, (len(units), K)."""
        deviation = self.outcome(t) - self.fitted(t, units)[:, None]
        influence: FloatArray = self.leverage(t, units)[:, None] * deviation
        return influence


def equations(theta: FloatArray, parts: Sequence[Part], link: Link) -> tuple[FloatArray, FloatArray]:
    """The score ``sum_i (total_i - mass_i mean(x_i theta)) x_i`` (p,) and its derivative (p, p)."""
    score, slope = np.zeros(theta.size), np.zeros((theta.size, theta.size))
    for part in parts:
        for stretch in stretches(part.mass.size):
            # With the units along the second axis every product runs over contiguous memory.
            x, mass = part.covariates[stretch].T.copy(), part.mass[stretch]
            mean, change = mean_and_change(theta @ x, link)
            score += x @ (part.total[stretch] - mass * mean)
            slope -= (x * (mass * change)) @ x.T
    return score, slope


def mean_and_change(linear: FloatArray, link: Link) -> tuple[FloatArray, FloatArray]:
    """The mean outcome at a linear predictor, and its derivative."""
    if link == "identity":
        return linear, np.ones_like(linear)
    if link == "logit":
        # Many times faster than scipy's expit, and as accurate in both tails.
        mean = 1.0 / (1.0 + np.exp(-np.maximum(linear, -700.0)))
        return mean, mean * (1.0 - mean)
    mean = np.exp(np.minimum(linear, 500.0))
    return mean, mean
