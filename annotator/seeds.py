"""One seed in the study file, an independent stream of random numbers for each use of it."""

import zlib

import numpy as np

from annotator.study import Study


def stream_seed(study: Study, round_number: int, use: str) -> int:
    """A 63-bit seed that belongs to one use in one round.

    >>> from annotator.study import Study
    >>> study = Study.model_construct(seed=7)
    >>> stream_seed(study, 1, "draw") == stream_seed(study, 1, "send")
    False
    """
    sequence = np.random.SeedSequence([study.seed, round_number, zlib.crc32(use.encode())])
    return int(sequence.generate_state(1, np.uint64)[0] >> 1)


def generator(study: Study, round_number: int, use: str) -> np.random.Generator:
    """The random numbers for one use in one round: the same study and seed give the same numbers."""
    return np.random.default_rng(stream_seed(study, round_number, use))
