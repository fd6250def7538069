"""Units whose coders gave different answers: which they are, what an adjudicator sees of them and decides."""

from collections.abc import Callable, Sequence

import numpy as np
import pandas as pd

from annotator import label_sets
from annotator.codebook import Codebook
from annotator.coding.experts import is_expert
from annotator.coding.form import CANNOT_CODE

ADJUDICATED = "adjudicated"
BULLET = "\N{BULLET} "
_SAID = ["unit_id", "said", "note"]


def disagreements(codes: pd.DataFrame, codebook: Codebook, experts: Sequence[str] = ()) -> pd.DataFrame:
    """The answers of units on which coders differ, ``unit_id, said, note``, sorted, and not whose they are.

    ``codes`` has the columns of ``schema.CODES``. Answers differ if two labels do (of a multilabel codebook,
    two sets), or if one coder gave a label and another said why there can be none. Two reasons for giving no
    label are no disagreement. Where one of ``experts`` gave a unit a label, the experts' answers alone count.

    >>> from annotator.codebook import Code
    >>> book = Codebook(question="?", labels=[Code(name="x"), Code(name="y")])
    >>> codes = pd.DataFrame({"unit_id": ["a", "a", "b", "b"], "coder": ["ann", "ben", "ann", "ben"],
    ...                       "label": ["y", "x", "x", "x"], "skipped": False, "cannot_code": None,
    ...                       "note": ["sure?", None, None, None]})
    >>> disagreements(codes, book).values.tolist()
    [['a', 'x', ''], ['a', 'y', 'sure?']]
    """
    answers = _answers(codes, codebook)
    by_expert = answers[is_expert(answers["coder"], experts)]
    settled = set(by_expert.loc[by_expert["is_label"], "unit_id"])
    answers = pd.concat([answers[~answers["unit_id"].isin(settled)], by_expert])
    answers = answers.drop_duplicates(["unit_id", "coder"], keep="last")
    by_unit = answers.groupby("unit_id")
    differ = (by_unit["said"].nunique() > 1) & by_unit["is_label"].any()
    rows = answers.loc[answers["unit_id"].isin(differ.index[differ]), _SAID]
    if codebook.is_multilabel:
        rows = rows.assign(said=rows["said"].str.replace(label_sets.SEPARATOR, f"{label_sets.SEPARATOR} "))
    found: pd.DataFrame = rows.sort_values(_SAID).reset_index(drop=True)
    return found


def compared(codes: pd.DataFrame, codebook: Codebook) -> list[str]:
    """The units that two people or more answered, with a label or a reason for giving none."""
    n_coders = _answers(codes, codebook).groupby("unit_id")["coder"].nunique()
    return list(n_coders.index[n_coders > 1])


def shown(answers: pd.DataFrame, stream: Callable[[str], np.random.Generator]) -> dict[str, str]:
    """Unit to what an adjudicator sees: one answer a line, with its note, in random order.

    ``answers`` are those of `disagreements`. ``stream`` gives the random numbers of a unit, so that other
    units do not change its order.

    >>> answers = pd.DataFrame({"unit_id": "a", "said": ["x", "y"], "note": ["", "sure?"]})
    >>> print(shown(answers, lambda unit: np.random.default_rng(1))["a"])
    • x
    • y (note: sure?)
    """
    found = {}
    for unit, of_unit in answers.groupby("unit_id"):
        lines = [_line(said, note) for said, note in zip(of_unit["said"], of_unit["note"], strict=True)]
        found[str(unit)] = "\n".join(lines[at] for at in stream(str(unit)).permutation(len(lines)))
    return found


def decisions(adjudications: pd.DataFrame, codebook: Codebook) -> pd.DataFrame:
    """What was decided: ``unit_id, label, reason``, a label or a reason why there can be none.

    ``adjudications`` has the columns of ``schema.CODES``. Where several adjudicators answered, the latest
    answer counts. A unit that was only skipped, or answered outside the codebook, is not decided.
    """
    answers = _answers(adjudications, codebook).sort_values(["updated_at", "annotation_id"])
    latest = answers.drop_duplicates("unit_id", keep="last").sort_values("unit_id")
    return pd.DataFrame(
        {
            "unit_id": latest["unit_id"],
            "label": latest["said"].where(latest["is_label"], None),
            "reason": latest["said"].where(~latest["is_label"], None),
        }
    ).reset_index(drop=True)


def _answers(codes: pd.DataFrame, codebook: Codebook) -> pd.DataFrame:
    """The rows that say something: a label of the codebook, or a reason for giving none."""
    is_label = np.array([codebook.is_label(label) for label in codes["label"]], dtype=bool)
    is_label &= ~codes["skipped"].to_numpy(dtype=bool)
    declines = codes["cannot_code"].notna().to_numpy() & ~codes["skipped"].to_numpy(dtype=bool) & ~is_label
    said = codes["label"].where(is_label, CANNOT_CODE + codes["cannot_code"].astype(str))
    note = codes["note"].fillna("").astype(str)
    rows: pd.DataFrame = codes.assign(said=said, is_label=is_label, note=note)[is_label | declines]
    return rows


def _line(said: str, note: str) -> str:
    words = " ".join(note.split())
    return f"{BULLET}{said} (note: {words})" if words else f"{BULLET}{said}"
