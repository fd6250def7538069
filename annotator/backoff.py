"""How long to wait before a service that failed is asked again."""

import numpy as np

LONGEST_WAIT = 60.0
"""Seconds a single request waits before its next try; an endpoint that asks for more is left alone."""


def backoff(attempt: int, rng: np.random.Generator, *, longest: float = LONGEST_WAIT) -> float:
    """Seconds to wait after the ``attempt``-th failed try (1, 2, ...): doubling, with jitter of one half.

    >>> rng = np.random.default_rng(0)
    >>> all(2.0 <= backoff(3, rng) <= 4.0 for _ in range(100))
    True
    >>> backoff(10_000, rng, longest=5.0) <= 5.0
    True
    """
    doubled = 2.0 ** min(attempt - 1, 30)
    return min(longest, doubled) * float(rng.uniform(0.5, 1.0))
