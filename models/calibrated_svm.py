"""A linear support vector machine that gives probabilities, also of codes with hardly any examples."""

from typing import Any, Self

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.calibration import CalibratedClassifierCV
from sklearn.model_selection import StratifiedKFold
from sklearn.svm import LinearSVC

from models.arrays import FloatArray, IntArray
from models.errors import CannotFitError

FOLDS = 5


class CalibratedSvm(ClassifierMixin, BaseEstimator):  # type: ignore[misc]
    """Margins made probabilities by logistic curves fitted out of fold (Platt 1999), the mean over folds.

    Parameters
    ----------
    c : float
        Inverse strength of the penalty.
    balanced : bool
        Every code counts the same.
    seed : int
        Decides the folds.
    """

    def __init__(self, c: float = 1.0, balanced: bool = False, seed: int = 0) -> None:
        self.c, self.balanced, self.seed = c, balanced, seed

    def fit(self, columns: Any, labels: IntArray, sample_weight: FloatArray | None = None) -> Self:
        """Learn from a table (n, p). Raises CannotFitError if no two codes have two examples each."""
        svm = LinearSVC(C=self.c, class_weight="balanced" if self.balanced else None, random_state=self.seed)
        self.calibrated_ = CalibratedClassifierCV(
            svm, method="sigmoid", cv=self._folds(labels), ensemble=True
        )
        self.calibrated_.fit(columns, labels, sample_weight)
        self.classes_ = self.calibrated_.classes_
        return self

    def predict_proba(self, columns: Any) -> FloatArray:
        """Probabilities (m, codes seen)."""
        found: FloatArray = self.calibrated_.predict_proba(columns)
        return found

    def predict(self, columns: Any) -> IntArray:
        """The most probable codes (m,)."""
        found: IntArray = self.classes_[self.predict_proba(columns).argmax(axis=1)]
        return found

    def _folds(self, labels: IntArray) -> list[tuple[IntArray, IntArray]]:
        """Stratified folds; the only example of a code is always learnt from."""
        codes, count = np.unique(labels, return_counts=True)
        if (count >= 2).sum() < 2:
            raise CannotFitError(
                "a support vector machine needs two examples of each of two codes, to calibrate its margins"
            )
        common = np.flatnonzero(np.isin(labels, codes[count >= 2]))
        rare = np.setdiff1d(np.arange(labels.size), common)
        folds = StratifiedKFold(
            min(FOLDS, int(count[count >= 2].min())), shuffle=True, random_state=self.seed
        )
        return [
            (np.concatenate([common[fitting], rare]), common[held])
            for fitting, held in folds.split(common, labels[common])
        ]
