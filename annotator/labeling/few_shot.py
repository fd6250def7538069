"""Texts coded by people that a prompt shows: from the codebook, or from gold of an earlier study.

Machine labels are made once, before the first round, so no gold of the same study can be in them. A unit
never sees its own code: the prompt leaves an example out for the unit that has its id or its text.
"""

from dataclasses import dataclass
from itertools import chain, zip_longest
from pathlib import Path

import numpy as np
import pandas as pd

from annotator.codebook import Codebook
from annotator.errors import StudyError
from annotator.labeling.spelling import spelling

_COLUMNS = ("unit_id", "text", "label")


@dataclass(frozen=True, slots=True)
class Example:
    """A text and its code as the prompt spells it; ``unit_id`` is None where the codebook gives the text."""

    text: str
    label: str
    unit_id: str | None = None


def from_codebook(codebook: Codebook, k: int) -> tuple[Example, ...]:
    """The first ``k`` examples of the codebook, one of each code in turn."""
    spelt = spelling(codebook)
    by_code = [[Example(text, spelt[code.name]) for text in code.examples] for code in codebook.labels]
    return _in_turn(by_code)[:k]


def from_gold(path: Path, codebook: Codebook, k: int, rng: np.random.Generator) -> tuple[Example, ...]:
    """``k`` units of a table with the columns ``unit_id, text, label``: each code in turn, within it by lot.

    Raises:
        StudyError: the table cannot be read, lacks a column, or has a label that is not in the codebook.
    """
    rows = _read(path)
    spelt = {} if codebook.is_multilabel else spelling(codebook)
    by_code: dict[str, list[Example]] = {}
    for number, row in enumerate(rows.itertuples(index=False), start=1):
        label = codebook.spell(str(row.label))
        if label is None:
            raise StudyError(
                f"{path}, row {number}: '{row.label}' is not in the codebook",
                hint="Examples must be coded by this study's codebook.",
            )
        example = Example(str(row.text), spelt.get(label, label), str(row.unit_id))
        by_code.setdefault(label, []).append(example)
    ordered = [by_code[label] for label in sorted(by_code)]
    return _in_turn([[each[place] for place in rng.permutation(len(each))] for each in ordered])[:k]


def _in_turn(by_code: list[list[Example]]) -> tuple[Example, ...]:
    return tuple(example for example in chain.from_iterable(zip_longest(*by_code)) if example is not None)


def _read(path: Path) -> pd.DataFrame:
    try:
        if path.suffix.lower() in {".parquet", ".pq"}:
            rows = pd.read_parquet(path)
        else:
            rows = pd.read_csv(path, dtype=str, keep_default_na=False)
    except (OSError, ValueError) as error:
        raise StudyError(f"few_shot.path {path} cannot be read: {error}") from error
    missing = [column for column in _COLUMNS if column not in rows.columns]
    if missing:
        raise StudyError(
            f"few_shot.path {path} has no column {', '.join(missing)}",
            hint=f"It needs {', '.join(_COLUMNS)}: join the gold of the earlier study to its corpus.",
        )
    rows = rows[list(_COLUMNS)]
    if rows.isna().any(axis=None):
        raise StudyError(f"few_shot.path {path} has rows without a {', '.join(_COLUMNS)}")
    return rows
