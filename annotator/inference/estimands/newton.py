"""Roots of estimating equations whose weights may be negative."""

from collections.abc import Callable

import numpy as np

from annotator.errors import NotEstimableError
from models.arrays import FloatArray

MAX_ITERATIONS = 100
MAX_HALVINGS = 40
TOLERANCE = 1e-10

Equations = Callable[[FloatArray], tuple[FloatArray, FloatArray]]


def root(name: str, start: FloatArray, equations: Equations) -> tuple[FloatArray, FloatArray]:
    """Newton's method, a step being halved while it does not bring the equations closer to zero.

    The labels that weigh the equations may be negative, so there is no likelihood to climb; only the score is
    solved.

    Parameters
    ----------
    name : str
        Of the estimand, for messages.
    start : (p,) array
    equations : callable
        Gives the score ``G(theta)`` (p,) and its derivative (p, p).

    Returns
    -------
    The root (p,) and the derivative there (p, p).

    Raises
    ------
    NotEstimableError
        If the derivative is singular or no root is found.

    Examples
    --------
    >>> theta, _ = root("example", np.zeros(1), lambda x: (2.0 - np.exp(x), -np.diag(np.exp(x))))
    >>> round(float(theta[0]), 6)
    0.693147
    """
    theta = start
    score, slope = equations(theta)
    for _ in range(MAX_ITERATIONS):
        step = -_solved(name, slope, score)
        size = float(score @ score)
        for _ in range(MAX_HALVINGS):
            ahead_score, ahead_slope = equations(theta + step)
            ahead = float(ahead_score @ ahead_score)
            if np.isfinite(ahead) and ahead < size:
                break
            if np.abs(step).max(initial=0.0) <= TOLERANCE * (1.0 + np.abs(theta).max(initial=0.0)):
                return theta, slope
            step = step / 2.0
        else:
            raise _no_root(name)
        theta, score, slope = theta + step, ahead_score, ahead_slope
        if np.abs(step).max(initial=0.0) <= TOLERANCE * (1.0 + np.abs(theta).max(initial=0.0)):
            return theta, slope
    raise _no_root(name)


def refuse_no_mass(name: str, mass: float) -> None:
    """Raise NotEstimableError unless labels weigh something in sum."""
    if not mass > 0:
        raise NotEstimableError(
            f"Estimand '{name}' has no answer: nobody coded a unit it depends on.", hint="Code more units."
        )


def inverse(name: str, slope: FloatArray) -> FloatArray:
    """The inverse of a derivative. Raises NotEstimableError when it is singular."""
    return _solved(name, slope, np.eye(slope.shape[0]))


def _solved(name: str, slope: FloatArray, right: FloatArray) -> FloatArray:
    scale = np.sqrt(np.abs(np.diag(slope)))
    if not (np.isfinite(slope).all() and np.all(scale > 0)):
        raise _singular(name)
    scaled = slope / np.outer(scale, scale)
    if np.linalg.cond(scaled) > 1e12:
        raise _singular(name)
    across = scale if right.ndim == 1 else scale[:, None]
    solved: FloatArray = np.linalg.solve(scaled, right / across) / across
    return solved


def _singular(name: str) -> NotEstimableError:
    return NotEstimableError(
        f"Estimand '{name}' has no unique answer: its equations are singular.",
        hint="A covariate is constant or follows from the others, or too few units are coded so far.",
    )


def _no_root(name: str) -> NotEstimableError:
    return NotEstimableError(
        f"Estimand '{name}' has no answer: Newton's method finds no root of its equations.",
        hint="Code more units, or ask with fewer covariates.",
    )
