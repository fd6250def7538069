"""Codes as the numbers that classifiers work with, and back."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np

from models.arrays import FloatArray, IntArray

Task = Literal["binary", "categorical", "ordinal", "multilabel"]
Text = str | tuple[str, str]
"""A text, or a pair of them, such as premise and hypothesis."""


@dataclass(frozen=True)
class LabelMap:
    """The codes of a classifier in their order, and how many of them apply to a text.

    Attributes
    ----------
    codes : tuple of str
        In codebook order; for an ordinal task from low to high.
    task : str
        ``binary``, ``categorical`` and ``ordinal``: one code a text. ``multilabel``: any number.

    Raises
    ------
    ValueError
        Fewer than two codes (one, for ``multilabel``), a code twice, or an unknown task.

    Examples
    --------
    >>> LabelMap(("no", "yes"), "binary").encode(["yes", "no"]).tolist()
    [1, 0]
    >>> LabelMap(("tax", "war"), "multilabel").encode([["war"], []]).tolist()
    [[0, 1], [0, 0]]
    """

    codes: tuple[str, ...]
    task: Task = "categorical"

    def __post_init__(self) -> None:
        object.__setattr__(self, "codes", tuple(self.codes))
        if self.task not in get_args(Task):
            raise ValueError(f"no task is called {self.task!r}; there are: {', '.join(get_args(Task))}")
        if len(set(self.codes)) < len(self.codes):
            raise ValueError("a code is given twice")
        if self.task == "binary" and len(self.codes) != 2:
            raise ValueError(f"a binary task has two codes, not {len(self.codes)}")
        if len(self.codes) < (1 if self.is_multilabel else 2):
            raise ValueError("a classifier needs two codes at least")

    @property
    def n_codes(self) -> int:
        """K, the number of codes."""
        return len(self.codes)

    @property
    def is_multilabel(self) -> bool:
        """Whether any number of codes, also none, may apply to one text."""
        return self.task == "multilabel"

    def encode(self, labels: Sequence[str] | Sequence[Collection[str]]) -> IntArray:
        """Places of the codes, (n,); for a multilabel task 0/1, (n, K), from collections of codes.

        Raises ValueError naming the first label that is no code.
        """
        place = {code: k for k, code in enumerate(self.codes)}
        if not self.is_multilabel:
            for row, label in enumerate(labels):
                if not isinstance(label, str) or label not in place:
                    raise ValueError(self._unknown(label, row))
            return np.array([place[str(label)] for label in labels], dtype=np.int64)
        encoded = np.zeros((len(labels), self.n_codes), dtype=np.int64)
        for row, codes in enumerate(labels):
            if isinstance(codes, str):
                raise ValueError(f"label {row} is the text {codes!r}; a multilabel task takes sets of codes")
            for code in codes:
                if code not in place:
                    raise ValueError(self._unknown(code, row))
                encoded[row, place[code]] = 1
        return encoded

    def checked(self, labels: IntArray, n_texts: int) -> IntArray:
        """The same labels, if they are as many as the texts and all in the map. Raises ValueError."""
        labels = np.asarray(labels)
        shape = (n_texts, self.n_codes) if self.is_multilabel else (n_texts,)
        if labels.shape != shape:
            raise ValueError(
                f"labels of {n_texts} texts must have the shape {shape}; these have {labels.shape}"
            )
        top = 1 if self.is_multilabel else self.n_codes - 1
        inside = (labels >= 0) & (labels <= top)
        wrong = np.flatnonzero(~(inside.all(axis=1) if self.is_multilabel else inside))
        if wrong.size:
            raise ValueError(
                f"label {wrong[0]} is {labels[wrong[0]].tolist()}; labels of the codes "
                f"{', '.join(self.codes)} lie in 0..{top}"
            )
        return labels.astype(np.int64)

    def one_hot(self, labels: IntArray) -> FloatArray:
        """Labels as 0/1 columns, (n, K)."""
        return labels.astype(np.float64) if self.is_multilabel else np.eye(self.n_codes)[labels]

    def predict(self, probability: FloatArray) -> IntArray:
        """The labels that probabilities (n, K) speak for.

        The most probable code; for an ordinal task the median code, which errs by the fewest steps; for a
        multilabel task every code at one half or more.

        >>> p = np.array([[0.4, 0.2, 0.4]])
        >>> LabelMap(("a", "b", "c")).predict(p).tolist()
        [0]
        >>> LabelMap(("a", "b", "c"), "ordinal").predict(p).tolist()
        [1]
        """
        found: IntArray
        if self.is_multilabel:
            found = (probability >= 0.5).astype(np.int64)
        elif self.task == "ordinal":
            found = (np.cumsum(probability, axis=1)[:, :-1] < 0.5 - 1e-12).sum(axis=1)
        else:
            found = probability.argmax(axis=1)
        return found

    def counts(self, labels: IntArray) -> IntArray:
        """How many texts carry each code, (K,)."""
        if self.is_multilabel:
            carried: IntArray = labels.sum(axis=0)
            return carried
        return np.bincount(labels, minlength=self.n_codes).astype(np.int64)

    def _unknown(self, label: object, row: int) -> str:
        return f"label {row} is {label!r}, which is none of the codes {', '.join(self.codes)}"
