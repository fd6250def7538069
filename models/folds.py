"""Parts of labelled texts that hold every code in about its share."""

from collections.abc import Hashable, Sequence

import numpy as np

from models.arrays import BoolArray, IntArray


def strata(labels: IntArray) -> IntArray:
    """What to balance parts by, (n,): the label, or of several codes of one text the rarest.

    >>> strata(np.array([[1, 1], [1, 0], [0, 0]])).tolist()
    [1, 0, -1]
    """
    if labels.ndim == 1:
        return labels.astype(np.int64)
    rarity = np.where(labels > 0, labels.sum(axis=0), np.iinfo(np.int64).max)
    return np.where(labels.any(axis=1), rarity.argmin(axis=1), -1).astype(np.int64)


def stratified_folds(
    labels: IntArray, n_folds: int, rng: np.random.Generator, groups: Sequence[Hashable] | None = None
) -> IntArray:
    """A fold of each text, (n,), such that every fold holds about as many texts of every code.

    Texts of one group, such as copies of the same text, share a fold: none is then predicted by a classifier
    that has seen its copy.

    Raises ValueError if there are fewer groups than folds.

    >>> labels = np.repeat([0, 1], [8, 4])
    >>> fold = stratified_folds(labels, 4, np.random.default_rng(1))
    >>> [np.bincount(labels[fold == j]).tolist() for j in range(4)]
    [[2, 1], [2, 1], [2, 1], [2, 1]]
    """
    n = len(labels)
    numbers: dict[Hashable, int] = {}
    member = np.array([numbers.setdefault(g, len(numbers)) for g in (groups or range(n))], dtype=np.int64)
    if n_folds < 2 or len(numbers) < n_folds:
        raise ValueError(f"{len(numbers)} different texts cannot be divided into {n_folds} folds")
    first = np.unique(member, return_index=True)[1]
    order = np.lexsort((rng.random(first.size), strata(labels)[first]))
    fold_of = np.empty(first.size, dtype=np.int64)
    fold_of[order] = np.arange(first.size) % n_folds
    return fold_of[member]


def stratified_sample(labels: IntArray, size: int, rng: np.random.Generator) -> IntArray:
    """Rows of a random part of the given size in which every code has its share, rounded, in random order.

    A code that is there is in the part, as long as the part has room for one text of each.

    Raises ValueError if there are fewer texts.

    >>> labels = np.repeat([0, 1], [90, 10])
    >>> np.bincount(labels[stratified_sample(labels, 20, np.random.default_rng(1))]).tolist()
    [18, 2]
    """
    if not 0 < size <= len(labels):
        raise ValueError(f"a part of {size} texts cannot be taken from {len(labels)}")
    stratum = np.unique(strata(labels), return_inverse=True)[1]
    count = np.bincount(stratum)
    share = size * count / count.sum()
    taken = np.floor(share).astype(np.int64)
    if size >= count.size:
        taken = np.maximum(taken, 1)
    rest = share - taken
    while taken.sum() < size:
        most = int(np.argmax(np.where(taken < count, rest, -np.inf)))
        taken[most] += 1
        rest[most] -= 1.0
    while taken.sum() > size:
        least = int(np.argmin(np.where(taken > 1, rest, np.inf)))
        taken[least] -= 1
        rest[least] += 1.0
    shuffled = rng.permutation(len(labels))
    rank = np.empty(len(labels), dtype=np.int64)
    for s in range(count.size):
        rows = shuffled[stratum[shuffled] == s]
        rank[rows] = np.arange(rows.size)
    chosen: BoolArray = rank < taken[stratum]
    return shuffled[chosen[shuffled]]
