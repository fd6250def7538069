"""What the R package dsl is told of each unit: what people said, what machines said, and covariates."""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import pandas as pd

from annotator import label_sets
from annotator.codebook import Codebook
from annotator.export.names import distinct_names
from annotator.study import Study
from annotator.workspace import Workspace
from models.arrays import FloatArray

UNIT, CLUSTER, ROUND, PROBABILITY = ("unit_id",), ("cluster",), ("round",), ("sample_prob",)
NUMBER = ("number",)
COVARIATE = "covariate"
Key = tuple[str, ...]
Names = dict[Key, str]


def column_names(study: Study) -> Names:
    """What each column is called in R, in the order of the file.

    ``("code", code)`` is 1 where people gave the code, ``("says", machine, code)`` where a machine annotator
    did; ``NUMBER`` and ``("says_number", machine)`` are there where codes are numbers;
    ``("confidence", machine)`` and ``("covariate", column)`` speak for themselves.
    """
    book, machines = study.codebook, [machine.name for machine in study.machine]
    is_number = book.numbers is not None
    keys: list[Key] = [UNIT, CLUSTER, ROUND, PROBABILITY]
    keys += [("code", code) for code in book.names] + ([NUMBER] if is_number else [])
    for machine in machines:
        keys += [("says", machine, code) for code in book.names]
        keys += [("says_number", machine)] if is_number else []
        keys.append(("confidence", machine))
    keys += [(COVARIATE, column) for column in study.corpus.covariates]
    wished = (key[1] if key[0] == COVARIATE else "_".join(key) for key in keys)
    return dict(zip(keys, distinct_names(wished), strict=True))


def human(labels: pd.Series, book: Codebook) -> dict[Key, FloatArray]:
    """What people said of each unit, (N,) a column; NaN where nobody coded."""
    found: dict[Key, FloatArray] = {("code", code): of for code, of in _indicators(labels, book)}
    return found if book.numbers is None else {**found, NUMBER: _number(labels, book)}


def machine(said: pd.DataFrame, name: str, book: Codebook) -> dict[Key, FloatArray]:
    """What a machine annotator said of each unit, (N,) a column.

    The package drops rows with anything missing: where a label failed no code applies, a number is the mean
    of the others, and a missing confidence is 0.
    """
    found: dict[Key, FloatArray] = {
        ("says", name, code): np.nan_to_num(of) for code, of in _indicators(said["label"], book)
    }
    if book.numbers is not None:
        number = _number(said["label"], book)
        given = number[np.isfinite(number)]
        found["says_number", name] = np.where(
            np.isfinite(number), number, given.mean() if given.size else 0.0
        )
    found["confidence", name] = np.nan_to_num(said["confidence"].to_numpy(dtype=float))
    return found


def of_units(workspace: Workspace) -> pd.DataFrame:
    """The columns that no round changes, (N,) under their names in R."""
    study, units = workspace.study, workspace.units
    names = column_names(study)
    columns = {UNIT: units["unit_id"], CLUSTER: units[study.corpus.cluster or "unit_id"].astype(str)}
    found: dict[str, Any] = {names[key]: values for key, values in columns.items()}
    for each in study.machine:
        said = machine(workspace.machine_labels(each.name), each.name, study.codebook)
        found |= {names[key]: values for key, values in said.items()}
    found |= {names[COVARIATE, column]: units[column] for column in study.corpus.covariates}
    return pd.DataFrame(found)


def _indicators(labels: pd.Series, book: Codebook) -> Iterator[tuple[str, FloatArray]]:
    """For each code whether it applies, (N,) of 0 and 1, NaN where there is no label."""
    place, distinct = pd.factorize(labels)
    for code in book.names:
        applies = [code in _codes(label, book) for label in distinct]
        yield code, np.array([*applies, np.nan], dtype=np.float64)[place]


def _codes(label: str, book: Codebook) -> Sequence[str]:
    return label.split(label_sets.SEPARATOR) if book.is_multilabel else [label]


def _number(labels: pd.Series, book: Codebook) -> FloatArray:
    of_code = dict(zip(book.names, book.numbers or (), strict=True))
    number: FloatArray = np.asarray(labels.map(of_code), dtype=np.float64)
    return number
