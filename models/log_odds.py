"""A classifier's probabilities as columns that an error map can take up."""

import numpy as np

from models.arrays import FloatArray


def log_odds(probability: FloatArray, n_learnt: int) -> FloatArray:
    """How far a classifier leans to each code, in logits.

    Parameters
    ----------
    probability : (N, K) array
        Rows sum to one.
    n_learnt : int
        Examples that the classifier learnt from. Each code gets half a unit more than they give it, as
        nobody is surer than that after n examples; so a probability of zero is no infinity.

    Returns
    -------
    (N, K) array
        Logarithms, centred within a row; of two codes one column, (N, 1): the log-odds of the second.

    Raises
    ------
    ValueError
        A probability is not a number from 0 to 1.

    Examples
    --------
    >>> log_odds(np.array([[0.5, 0.5], [0.0, 1.0]]), 100).round(2).tolist()
    [[0.0], [5.3]]
    """
    if not ((probability >= 0) & (probability <= 1)).all():
        raise ValueError("a probability is not a number from 0 to 1")
    logarithm = np.log(n_learnt * probability + 0.5)
    if probability.shape[1] == 2:
        return np.asarray(logarithm[:, 1:] - logarithm[:, :1])
    return np.asarray(logarithm - logarithm.mean(axis=1, keepdims=True))
