"""Which units are drawn, given their inclusion probabilities."""

import numpy as np

from models.arrays import BoolArray, FloatArray, IntArray

CERTAIN = 1.0 - 1e-9


def draw(
    inclusion_probability: FloatArray, rng: np.random.Generator, order: IntArray | None = None
) -> BoolArray:
    """Draw a fixed number of units with exactly the given inclusion probabilities.

    Systematic sampling (Madow 1949): the probabilities are laid end to end along ``order``, and the unit
    under every whole step after one random start is drawn. Neighbours in the order are rarely drawn
    together, so a sorted order stratifies the draw at no cost.

    Parameters
    ----------
    inclusion_probability : (N,) array
        Each in ``[0, 1]``; the sum must be whole, up to 1e-6.
    rng : numpy.random.Generator
    order : (N,) array of int, optional
        A permutation of the units. Without it the order is random.

    Returns
    -------
    (N,) array of bool with exactly ``round(sum(inclusion_probability))`` true entries.

    Raises
    ------
    ValueError
        If a probability is outside ``[0, 1]`` or the sum is not whole.

    Examples
    --------
    >>> drawn = draw(np.array([0.5, 0.5, 1.0, 0.0]), np.random.default_rng(1))
    >>> int(drawn.sum()), bool(drawn[2]), bool(drawn[3])
    (2, True, False)
    """
    probability = _checked(inclusion_probability)
    total = float(probability.sum())
    if abs(total - round(total)) > 1e-6:
        raise ValueError(f"the inclusion probabilities sum to {total}, not to a whole number of units")
    if order is None:
        order = rng.permutation(probability.size)
    start = rng.random()
    drawn = probability >= CERTAIN
    uncertain = order[~drawn[order]] if drawn.any() else order
    size = round(total) - int(drawn.sum())
    if size <= 0:
        return drawn
    edges = np.cumsum(probability[uncertain])
    edges *= size / edges[-1]
    steps = np.arange(size)
    found = np.searchsorted(edges, start + steps, side="right")
    # Rounding of the running sum can put two steps on a unit that is all but certain, or one past the end.
    found = np.maximum.accumulate(found - steps) + steps
    found = np.minimum(found, uncertain.size - size + steps)
    drawn[uncertain[found]] = True
    return drawn


def draw_poisson(inclusion_probability: FloatArray, rng: np.random.Generator) -> BoolArray:
    """Draw each unit independently with its inclusion probability; the number drawn is random.

    >>> draw_poisson(np.array([1.0, 0.0]), np.random.default_rng(1)).tolist()
    [True, False]
    """
    probability = _checked(inclusion_probability)
    return rng.random(probability.size) < probability


def _checked(inclusion_probability: FloatArray) -> FloatArray:
    probability = np.asarray(inclusion_probability, dtype=np.float64)
    if not np.all((probability >= 0) & (probability <= 1 + 1e-12)):
        raise ValueError("an inclusion probability is missing or outside [0, 1]")
    return probability
