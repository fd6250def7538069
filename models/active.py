"""Which texts would teach a classifier most: picks by uncertainty and by variety.

Picks have no inclusion probability: codes of picked texts may train a classifier, but never stand for the
corpus.
"""

import numpy as np

from models.arrays import FloatArray, IntArray


def entropy(probability: FloatArray, *, multilabel: bool = False) -> FloatArray:
    """Entropy (n,) in nats of probabilities (n, K); for a multilabel task the sum over codes.

    >>> entropy(np.array([[0.5, 0.5], [1.0, 0.0]])).round(3).tolist()
    [0.693, 0.0]
    """
    found = _information(probability)
    if multilabel:
        found = found + _information(1.0 - probability)
    summed: FloatArray = found.sum(axis=1)
    return summed


def margin(probability: FloatArray, *, multilabel: bool = False) -> FloatArray:
    """How far the best code is ahead of the second, (n,): small where unsure.

    For a multilabel task twice the distance from one half of the code that is least sure.

    >>> margin(np.array([[0.5, 0.3, 0.2], [0.1, 0.9, 0.0]])).round(3).tolist()
    [0.2, 0.8]
    """
    if multilabel:
        closest: FloatArray = np.abs(2.0 * probability - 1.0).min(axis=1)
        return closest
    best = np.sort(probability, axis=1)
    ahead: FloatArray = best[:, -1] - best[:, -2]
    return ahead


def most_uncertain(uncertainty: FloatArray, size: int, rng: np.random.Generator) -> IntArray:
    """The ``size`` most uncertain texts, most uncertain first; ties are broken at random.

    Give `entropy`, or minus `margin`.
    """
    _check(size, uncertainty.size)
    shuffled = rng.permutation(uncertainty.size)
    return shuffled[np.argsort(-uncertainty[shuffled], kind="stable")[:size]]


def most_diverse(
    embeddings: FloatArray, size: int, rng: np.random.Generator, uncertainty: FloatArray | None = None
) -> IntArray:
    """Different texts, drawn one after the other with a chance that grows with the distance to those drawn.

    The seeding of k-means++ (Arthur and Vassilvitskii 2007). With an ``uncertainty`` (n,), not negative, the
    chance is also proportional to it: unsure texts that are unlike each other.

    Raises ValueError if there are fewer texts, or fewer of some uncertainty, than picks.
    """
    from sklearn.cluster import kmeans_plusplus  # noqa: PLC0415 (slow to import)

    n = len(embeddings)
    _check(size, n)
    weight = np.ones(n) if uncertainty is None else np.asarray(uncertainty, dtype=np.float64)
    candidates = np.flatnonzero(weight > 0)
    _check(size, candidates.size)
    seed = int(rng.integers(2**31))
    _, picked = kmeans_plusplus(
        embeddings[candidates], size, sample_weight=weight[candidates], random_state=seed
    )
    found = list(dict.fromkeys(candidates[picked].tolist()))
    # Among copies of a text the same one can be drawn twice.
    rest = rng.permutation(np.setdiff1d(candidates, found))
    return np.array([*found, *rest[: size - len(found)]], dtype=np.int64)


def core_set(embeddings: FloatArray, size: int, coded: IntArray | None = None) -> IntArray:
    """Texts such that every other is close to one of them or to one already coded.

    The greedy k-centre of Sener and Savarese (2018): each pick is the text farthest from all before it.
    Without coded texts the first is the one closest to the middle.

    Parameters
    ----------
    embeddings : (n, d) array
    size : int
    coded : array of int, optional
        Rows of texts that are coded already; they are not picked.

    >>> core_set(np.array([[0.0], [1.0], [10.0], [11.0]]), 2, coded=np.array([0])).tolist()
    [3, 1]
    """
    n = len(embeddings)
    done = np.empty(0, dtype=np.int64) if coded is None else np.asarray(coded, dtype=np.int64)
    _check(size, n - np.unique(done).size)
    distance = np.full(n, np.inf)
    for row in done:
        distance = np.minimum(distance, _distance(embeddings, embeddings[row]))
    distance[done] = -1.0
    picked: list[int] = []
    for _ in range(size):
        if np.isinf(distance).any():
            chosen = int(np.argmin(_distance(embeddings, embeddings.mean(axis=0))))
        else:
            chosen = int(np.argmax(distance))
        picked.append(chosen)
        distance = np.minimum(distance, _distance(embeddings, embeddings[chosen]))
        distance[chosen] = -1.0
    return np.array(picked, dtype=np.int64)


def _information(probability: FloatArray) -> FloatArray:
    inside = np.where(probability > 0, probability, 1.0)
    information: FloatArray = -inside * np.log(inside)
    return information


def _distance(embeddings: FloatArray, point: FloatArray) -> FloatArray:
    squared: FloatArray = ((embeddings - point) ** 2).sum(axis=1)
    return squared


def _check(size: int, n: int) -> None:
    if not 0 < size <= n:
        raise ValueError(f"{size} texts cannot be picked from {n}")
