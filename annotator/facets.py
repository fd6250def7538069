"""Facets of a codebook: questions with exactly one answer, which the label of a unit settles.

Where codes exclude each other the codebook is its own only facet. Where any number of them may apply, each
code is one ("does it?"), and an estimand that relates several codes is asked of their combinations.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from annotator import label_sets
from annotator.codebook import Codebook
from models.arrays import FloatArray, IntArray

MOST_CODES_TOGETHER = 4


@dataclass(frozen=True)
class Facet:
    """A question about a unit with A answers.

    Attributes
    ----------
    codes : tuple of str
        The codes it is about.
    answers : tuple of str
        The labels there can be as far as these codes go. Of a multilabel codebook answer i is the set that
        has code j if bit j of i is set, so that the facets of its codes add up to it (`combined_codes`).
    numbers : tuple of float, optional
        What each answer stands for.
    is_set : bool
        Whether an answer is a set of codes.
    """

    codes: tuple[str, ...]
    answers: tuple[str, ...]
    numbers: tuple[float, ...] | None = None
    is_set: bool = False

    def outcome(self, code: str) -> FloatArray:
        """Whether each answer has the code, (A,) of 0 and 1."""
        j = self.codes.index(code)
        answers = np.arange(len(self.answers))
        outcome: FloatArray = (answers >> j & 1 if self.is_set else answers == j).astype(np.float64)
        return outcome

    def place(self, code: str) -> int:
        """The answer that is this code and no other.

        >>> of_sets(("a", "b")).place("b")
        2
        """
        j = self.codes.index(code)
        return 1 << j if self.is_set else j

    def index(self, labels: pd.Series) -> IntArray:
        """The answer in each of N labels, (N,), -1 where there is no valid label."""
        if not self.is_set:
            return np.asarray(pd.Categorical(labels, categories=list(self.answers)).codes, dtype=np.int64)
        label, distinct = pd.factorize(labels)
        table = np.array([*(self._answer(text) for text in distinct), -1], dtype=np.int64)
        found: IntArray = table[label]
        return found

    def _answer(self, label: str) -> int:
        parts = label.split(label_sets.SEPARATOR)
        return sum(1 << j for j, code in enumerate(self.codes) if code in parts)


def facets(codebook: Codebook) -> tuple[Facet, ...]:
    """The facets that every other one is made of.

    >>> from annotator.codebook import Code
    >>> book = Codebook(question="?", type="multilabel", labels=[Code(name="a"), Code(name="b")])
    >>> [facet.answers for facet in facets(book)]
    [('none', 'a'), ('none', 'b')]
    """
    if codebook.is_multilabel:
        return tuple(of_sets((name,)) for name in codebook.names)
    return (Facet(codebook.names, codebook.names, codebook.numbers),)


def of_sets(codes: Sequence[str]) -> Facet:
    """Which of some codes apply.

    >>> of_sets(("a", "b")).answers
    ('none', 'a', 'b', 'a;b')
    """
    subsets = ([c for j, c in enumerate(codes) if i >> j & 1] for i in range(1 << len(codes)))
    return Facet(tuple(codes), tuple(label_sets.join(subset, codes) for subset in subsets), is_set=True)


def written(parts: Sequence[Facet], answers: Sequence[IntArray]) -> NDArray[np.object_]:
    """The label of each of N units, (N,), from its answers (N,) to each facet of a codebook.

    >>> two = (of_sets(("a",)), of_sets(("b",)))
    >>> written(two, (np.array([0, 1]), np.array([0, 1]))).tolist()
    ['none', 'a;b']
    """
    if len(parts) == 1:
        return np.array(parts[0].answers, dtype=object)[answers[0]]
    codes = [facet.codes[0] for facet in parts]
    sets, place = np.unique(np.column_stack(answers), axis=0, return_inverse=True)
    labels = [label_sets.join(np.array(codes)[of == 1].tolist(), codes) for of in sets]
    return np.array(labels, dtype=object)[place.ravel()]
