"""What coders said, from table to arrays: one row a unit, one column a coder."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from annotator import label_sets
from annotator.codebook import Codebook
from annotator.coding.reliability.coefficient import MISSING
from models.arrays import BoolArray, IntArray


@dataclass(frozen=True)
class Ratings:
    """Codes of n units by C coders, from a codebook of K codes.

    Attributes
    ----------
    units : (n,) sequence of str
    coders : (C,) sequence of str
        In alphabetical order.
    given : (n, C) array of bool
        Whether the coder gave the unit a label of the codebook.
    carries : (n, C, K) array of bool
        Whether that label holds a code: exactly one does, or any number where the codebook is multilabel.
    """

    units: tuple[str, ...]
    coders: tuple[str, ...]
    given: BoolArray
    carries: BoolArray

    def of_code(self, k: int) -> IntArray:
        """(n, C) one code against the rest: 1 where the coder gave it, 0 where not, -1 where missing."""
        return np.where(self.given, self.carries[:, :, k], MISSING).astype(np.int64)

    def whole(self) -> tuple[IntArray, int]:
        """(n, C) each label as one code, and how many there are; of sets, those that were given.

        With one code a unit these are the positions in the codebook.
        """
        if (self.carries.sum(axis=2)[self.given] == 1).all():
            found = self.carries.argmax(axis=2)
            return np.where(self.given, found, MISSING), self.carries.shape[2]
        kinds, place = np.unique(self.carries[self.given], axis=0, return_inverse=True)
        found = np.full(self.given.shape, MISSING, dtype=np.int64)
        found[self.given] = place.ravel()
        return found, len(kinds)

    def of(self, units: Sequence[str]) -> "Ratings":
        """The same of some units, in their order; a unit that nobody coded has no code."""
        row = {unit: at for at, unit in enumerate(self.units)}
        at = np.array([row.get(unit, len(row)) for unit in units], dtype=np.int64)
        given, carries = (
            np.concatenate([part, np.zeros((1, *part.shape[1:]), dtype=bool)])[at]
            for part in (self.given, self.carries)
        )
        return Ratings(tuple(units), self.coders, given, carries)


def ratings(codes: pd.DataFrame, codebook: Codebook) -> Ratings:
    """Codes in the columns of ``schema.CODES`` as arrays; a coder's last row for a unit counts.

    Skipped units and labels that are not of the codebook are no codes; a coder who gave none is left out.

    >>> from annotator.codebook import Code
    >>> book = Codebook(question="Polite?", type="binary", labels=[Code(name="yes"), Code(name="no")])
    >>> rows = pd.DataFrame({"unit_id": ["a", "a", "b"], "coder": ["ann", "ben", "ann"],
    ...                      "label": ["no", "yes", "yes"], "skipped": False})
    >>> found = ratings(rows, book)
    >>> found.coders, found.whole()[0].tolist(), found.of_code(1).tolist()
    (('ann', 'ben'), [[1, 0], [0, -1]], [[1, 0], [0, -1]])
    """
    latest = codes.loc[~codes["skipped"].astype(bool)].drop_duplicates(["unit_id", "coder"], keep="last")
    sets = {label: _codes_of(label, codebook) for label in latest["label"].dropna().unique()}
    is_label = [sets.get(label) is not None for label in latest["label"]]
    usable = latest[np.array(is_label, dtype=bool)]
    unit, units = pd.factorize(usable["unit_id"], sort=True)
    coder, coders = pd.factorize(usable["coder"], sort=True)
    given = np.zeros((len(units), len(coders)), dtype=bool)
    carries = np.zeros((*given.shape, len(codebook.names)), dtype=bool)
    given[unit, coder] = True
    carries[unit, coder] = _rows(usable["label"], sets, codebook.names)
    return Ratings(tuple(map(str, units)), tuple(map(str, coders)), given, carries)


def label_ratings(units: Sequence[str], labels: pd.Series, codebook: Codebook, name: str) -> Ratings:
    """One label a unit (n,), gold or a machine's, as those of a single coder; missing where there is none."""
    codes = pd.DataFrame(
        {"unit_id": list(units), "coder": name, "label": labels.to_numpy(), "skipped": False}
    )
    found = ratings(codes, codebook)
    if not found.coders:
        empty = np.zeros((len(units), 1), dtype=bool)
        return Ratings(
            tuple(units), (name,), empty, np.zeros((*empty.shape, len(codebook.names)), dtype=bool)
        )
    return found.of(units)


def together(*parts: Ratings) -> Ratings:
    """Ratings of the same units by different coders, side by side."""
    return Ratings(
        parts[0].units,
        tuple(coder for part in parts for coder in part.coders),
        np.concatenate([part.given for part in parts], axis=1),
        np.concatenate([part.carries for part in parts], axis=1),
    )


def _codes_of(label: str, codebook: Codebook) -> tuple[str, ...] | None:
    if codebook.is_multilabel:
        return label_sets.split(label, codebook.names)
    return (label,) if label in codebook.names else None


def _rows(labels: pd.Series, sets: Mapping[str, tuple[str, ...] | None], names: tuple[str, ...]) -> BoolArray:
    rows = [[name in (sets[label] or ()) for name in names] for label in labels]
    return np.array(rows, dtype=bool).reshape(len(rows), len(names))
