"""Multinomial logistic regression of the label on covariates."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from annotator.errors import NotEstimableError
from annotator.inference.estimands import Term
from annotator.inference.estimands.coefficients import SEPARATED, Coefficients, is_nuisance
from annotator.inference.estimands.newton import inverse, refuse_no_mass, root
from annotator.inference.stretches import rows, stretches
from models.arrays import FloatArray, IntArray


@dataclass(frozen=True)
class MultinomialLogit:
    """Log odds of every code against the first one: p coefficients for each of K - 1 codes.

    Parameters
    ----------
    name : str
    terms : sequence of str
        One name a covariate; p of them.
    covariates : (N, p) array
        With a column of ones for the intercept.
    weights : (N,) array, optional
        Of the corpus.

    Examples
    --------
    >>> labels = np.array([[2.0, 1.0, 1.0]])
    >>> MultinomialLogit("m", ("intercept",), np.ones((1, 1))).solve(labels).values.round(4).tolist()
    [-0.6931, -0.6931]
    """

    name: str
    terms: Sequence[str]
    covariates: FloatArray
    weights: FloatArray | None = None

    def solve(self, labels: FloatArray) -> "MultinomialLogitSolution":
        """The root of ``sum_i w_i sum_k z_ik (e_k - p_i) x_i'``.

        Raises NotEstimableError if a covariate follows from others, or if they separate the codes.
        """
        weighted = labels if self.weights is None else labels * self.weights[:, None]
        used = np.flatnonzero(weighted.any(axis=1))
        x, z = self.covariates[used], weighted[used]
        n_codes = labels.shape[1]
        refuse_no_mass(self.name, float(z.sum()))
        totals = np.maximum(z.sum(axis=0), 1e-3 * z.sum())
        start = np.zeros((n_codes - 1, len(self.terms)))
        start[:, 0] = np.log(totals[1:] / totals[0])
        theta, slope = root(self.name, start.ravel(), lambda theta: _equations(theta, x, z))
        if np.abs(x @ theta.reshape(n_codes - 1, -1).T).max(initial=0.0) > SEPARATED:
            raise NotEstimableError(
                f"Estimand '{self.name}' has no finite answer: the covariates separate the codes.",
                hint="Code more units, or leave out the covariate under which a code never occurs.",
            )
        terms = tuple(
            Term(term, k, "", is_nuisance(term, self.terms)) for k in range(1, n_codes) for term in self.terms
        )
        return MultinomialLogitSolution(terms, theta, inverse(self.name, -slope), len(labels), self)


@dataclass(frozen=True)
class MultinomialLogitSolution(Coefficients):
    """Coefficients, code by code; ``inverse`` is that of minus the derivative of the summed score."""

    model: MultinomialLogit

    def influence(self, t: int, units: IntArray) -> FloatArray:
        """``w sum_j (A^-1)_t,j x (1[k = j] - p_j)``, (len(units), K)."""
        x = rows(self.model.covariates, units)
        n_terms = x.shape[1]
        moved = x @ self.inverse[t].reshape(-1, n_terms).T
        probability = _probabilities(x @ self.values.reshape(-1, n_terms).T)[:, 1:]
        influence = np.column_stack([np.zeros(units.size), moved])
        influence -= (moved * probability).sum(axis=1, keepdims=True)
        return (
            influence if self.model.weights is None else influence * rows(self.model.weights, units)[:, None]
        )


def _probabilities(linear: FloatArray) -> FloatArray:
    """(n, K) from the linear predictors (n, K - 1) of all codes but the first."""
    every = np.column_stack([np.zeros(len(linear)), linear])
    every = np.exp(every - every.max(axis=1, keepdims=True))
    probabilities: FloatArray = every / every.sum(axis=1, keepdims=True)
    return probabilities


def _equations(theta: FloatArray, x: FloatArray, labels: FloatArray) -> tuple[FloatArray, FloatArray]:
    n_terms, n_others = x.shape[1], labels.shape[1] - 1
    score = np.zeros((n_others, n_terms))
    slope = np.zeros((n_others, n_terms, n_others, n_terms))
    for stretch in stretches(len(x)):
        part, z = x[stretch], labels[stretch]
        probability = _probabilities(part @ theta.reshape(n_others, n_terms).T)[:, 1:]
        mass = z.sum(axis=1)
        score += (z[:, 1:] - mass[:, None] * probability).T @ part
        for j in range(n_others):
            for m in range(j + 1):
                change = mass * probability[:, j] * ((j == m) - probability[:, m])
                slope[j, :, m, :] -= (part * change[:, None]).T @ part
    for j in range(n_others):
        for m in range(j):
            slope[m, :, j, :] = slope[j, :, m, :]
    size = n_others * n_terms
    return score.ravel(), slope.reshape(size, size)
