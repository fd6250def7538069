"""The model of Dawid and Skene: what a unit's code is, from coders who err each in their own way."""

from dataclasses import dataclass

import numpy as np
from scipy.special import logsumexp

from annotator.coding.reliability.coefficient import MISSING
from models.arrays import BoolArray, FloatArray, IntArray

SMOOTHING = 2.0
TOLERANCE = 1e-9
MAX_ITERATIONS = 2000


@dataclass(frozen=True)
class DawidSkene:
    """What the model says: probabilities of the codes of each unit, and how each coder errs.

    Attributes
    ----------
    posterior : (n, K) array
        Probability of each code; one for the code of a unit that is known.
    prevalence : (K,) array
        Shares of the codes.
    confusion : (C, K, K) array
        Row k of a coder: how often this coder gives each code to a unit whose code is k.
    log_posterior : tuple of float
        The objective after each iteration; it never falls.
    converged : bool
    """

    posterior: FloatArray
    prevalence: FloatArray
    confusion: FloatArray
    log_posterior: tuple[float, ...]
    converged: bool


def dawid_skene(
    codes: IntArray,
    n_codes: int,
    known: IntArray | None = None,
    *,
    smoothing: float = SMOOTHING,
    max_iterations: int = MAX_ITERATIONS,
) -> DawidSkene:
    """Fit the model by expectation maximisation, from the coders' vote shares on.

    Dawid and Skene (1979), Maximum likelihood estimation of observer error-rates using the EM algorithm,
    Applied Statistics 28: given a unit's code, coders err independently, each with a confusion matrix of
    their own, the same for every unit. Nothing is random, so the same codes give the same answer.

    Parameters
    ----------
    codes : (n, C) array of int
        Positions in the codebook, -1 where a coder did not code a unit. Every unit needs a code, or to be
        known.
    n_codes : int
        How many codes there are, K.
    known : (n,) array of int
        The code of units for which it is known, -1 elsewhere. Known units teach how coders err.
    smoothing : float
        Pseudo-units of each code that each coder is taken to have coded before, half of them rightly and
        half with any code: a Dirichlet prior, without which a coder with few units would be believed to be
        perfect. As much again in all is spread evenly over the prevalences.

    Raises ValueError for a unit without any code, or arrays that do not fit.

    Examples
    --------
    >>> codes = np.array([[0, 0, 1], [1, 1, 0], [0, 0, 0], [1, 1, 1], [0, 0, 1], [1, 1, -1]])
    >>> found = dawid_skene(codes, 2)
    >>> found.posterior.argmax(axis=1).tolist(), found.converged
    ([0, 1, 0, 1, 0, 1], True)
    >>> bool(found.confusion[0, 0, 0] > found.confusion[2, 0, 0])
    True
    """
    known = np.full(len(codes), MISSING) if known is None else known
    _check(codes, n_codes, known, smoothing)
    said = np.stack([(codes == k).astype(float) for k in range(n_codes)], axis=2)
    prior = smoothing * (0.5 * np.eye(n_codes) + 0.5 / n_codes)
    allowed = (known[:, None] == MISSING) | (known[:, None] == np.arange(n_codes))
    votes = np.where(known[:, None] == MISSING, said.sum(axis=1), allowed)
    posterior = votes / votes.sum(axis=1, keepdims=True)
    path: list[float] = []
    while True:
        prevalence, confusion = _maximise(posterior, said, prior)
        posterior, likelihood = _expect(prevalence, confusion, said, allowed)
        penalty = (prior * np.log(confusion)).sum() + smoothing / n_codes * np.log(prevalence).sum()
        path.append(float(likelihood + penalty))
        converged = len(path) > 1 and path[-1] - path[-2] <= TOLERANCE * max(abs(path[-1]), 1.0)
        if converged or len(path) >= max_iterations:
            return DawidSkene(posterior, prevalence, confusion, tuple(path), converged)


def _maximise(posterior: FloatArray, said: FloatArray, prior: FloatArray) -> tuple[FloatArray, FloatArray]:
    """The likeliest prevalences and confusion matrices where units have these probabilities."""
    prevalence = posterior.sum(axis=0) + prior.sum(axis=1).mean() / len(prior)
    confusion = np.einsum("ik,icl->ckl", posterior, said) + prior
    return prevalence / prevalence.sum(), confusion / confusion.sum(axis=2, keepdims=True)


def _expect(
    prevalence: FloatArray, confusion: FloatArray, said: FloatArray, allowed: BoolArray
) -> tuple[FloatArray, float]:
    """The probabilities of each unit's codes, and the log likelihood of all that was said."""
    joint = np.log(prevalence) + np.einsum("icl,ckl->ik", said, np.log(confusion))
    joint = np.where(allowed, joint, -np.inf)
    total = logsumexp(joint, axis=1, keepdims=True)
    return np.exp(joint - total), float(total.sum())


def _check(codes: IntArray, n_codes: int, known: IntArray, smoothing: float) -> None:
    if codes.ndim != 2 or known.shape != (len(codes),):
        raise ValueError(f"codes need shape (n, C) and known (n,), got {codes.shape} and {known.shape}")
    if codes.size and max(codes.max(), known.max()) >= n_codes:
        raise ValueError(f"codes must lie between 0 and {n_codes - 1}, or be -1 where missing")
    if smoothing <= 0:
        raise ValueError(f"smoothing must be above 0, got {smoothing}")
    silent = ((codes == MISSING).all(axis=1)) & (known == MISSING)
    if silent.any():
        raise ValueError(f"unit {int(silent.argmax())} has no code and is not known")
