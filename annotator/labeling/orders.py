"""Other orders of the codes in a prompt, so that every code stands in every place about equally often."""

from collections.abc import Sequence
from math import factorial

import numpy as np

Order = tuple[str, ...]


def orders(names: Sequence[str], k: int, rng: np.random.Generator) -> list[Order]:
    """``k`` different orders of the codes, none of them the given one.

    The first ``len(names) - 1`` and the given one make a Latin square: every code stands once in every place.
    Further ones come from further squares. Which squares is by lot.

    Raises:
        ValueError: there are not so many orders.

    >>> orders(("a", "b", "c"), 2, np.random.default_rng(0))
    [('c', 'a', 'b'), ('b', 'c', 'a')]
    """
    if k > n_orders(len(names)):
        raise ValueError(f"{len(names)} codes have only {n_orders(len(names))} other orders")
    given = tuple(names)
    found = dict.fromkeys(_latin_square(given, rng))
    while len(found) <= k:
        shuffled = tuple(names[place] for place in rng.permutation(len(names)))
        found.update(dict.fromkeys(_latin_square(shuffled, rng)))
    return [order for order in found if order != given][:k]


def n_orders(n_codes: int) -> int:
    """How many other orders there are.

    >>> n_orders(3)
    5
    """
    return factorial(n_codes) - 1


def _latin_square(first: Order, rng: np.random.Generator) -> list[Order]:
    """The rows of a random Latin square, the given one first."""
    cycle = rng.permutation(len(first))
    place_in_cycle = np.argsort(cycle)
    shifts = [0, *rng.permutation(np.arange(1, len(first)))]
    return [tuple(first[place] for place in cycle[(place_in_cycle + shift) % len(first)]) for shift in shifts]
