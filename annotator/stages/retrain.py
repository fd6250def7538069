"""Stage: after a round, a classifier of all codes so far; the next round uses it if it beats the last one.

Estimates never wait for it, and a round whose codes bear no classifier goes on without. A base model that
cannot be had now is waited for: what is decided for a round stays.
"""

from typing import TYPE_CHECKING, Any

import pandas as pd

from annotator import evidence, schema
from annotator.budget import coded
from annotator.classifiers import in_the_loop
from annotator.errors import ServiceUnavailableError
from annotator.facets import facets
from annotator.progress import Progress, silent
from annotator.workspace import Workspace, model_decision, model_probabilities
from models.errors import CannotFitError, UnreachableError
from models.promotion import Comparison, Question, compare

if TYPE_CHECKING:
    from annotator.classifiers import refit

BASE_RATE = "base rate"
WITHOUT = (
    "The next `annotator advance` tries again; `retrain: false` under `model` goes on without a classifier."
)


def retrain(workspace: Workspace, round_number: int, progress: Progress = silent) -> str:
    """Write ``models/round-NNN``: the classifier, ``probabilities.parquet`` and then ``decision.parquet``.

    Raises ServiceUnavailableError, and decides nothing, where the base model cannot be had now.
    """
    from annotator.classifiers import refit  # noqa: PLC0415 (loads torch)

    model = workspace.study.model
    assert model is not None
    last = in_the_loop.promoted(workspace, round_number - 1)
    row: dict[str, Any] = {
        "round": round_number,
        "kind": model.kind,
        "n_coded": sum(coded(workspace, round_number)),
        "compared_with": BASE_RATE if last is None else f"round {last}",
    }
    try:
        found = refit.refit(workspace, model, round_number, progress)
    except UnreachableError as error:
        raise ServiceUnavailableError(f"the classifier: {error}", hint=WITHOUT) from error
    except CannotFitError as error:
        row |= {"promoted": False, "note": f"no model: {error}"}
    else:
        _keep(workspace, round_number, found)
        compared = _compare(workspace, round_number, last, found)
        row |= _figures(compared) | {"promoted": compared.is_better, "note": ""}
    decided = pd.DataFrame([row]).reindex(columns=schema.MODEL_DECISION.names)
    workspace.write(model_decision(round_number), decided, schema.MODEL_DECISION, round=round_number)
    refit.clean(workspace)
    return describe(row)


def describe(row: dict[str, Any]) -> str:
    """A decision in one line."""
    if row["note"]:
        return str(row["note"])
    return (
        f"{row['kind']} on {row['n_coded']} codes {'' if row['promoted'] else 'not '}promoted: log loss "
        f"{row['log_loss']:.3f} against {row['last_log_loss']:.3f} ({row['compared_with']}), "
        f"gain {row['gain']:.3f} with standard error {row['std_error']:.3f}"
    )


def _keep(workspace: Workspace, number: int, found: "refit.Refitted") -> None:
    names = workspace.study.codebook.names
    rows = pd.DataFrame(found.probability, columns=list(names))
    rows.insert(0, "unit_id", workspace.units["unit_id"])
    rows["out_of_fold"] = False
    rows.loc[found.given.rows, "out_of_fold"] = True
    workspace.write(
        model_probabilities(number),
        rows,
        schema.model_probabilities(names),
        round=number,
        n_coded=int(found.given.rows.size),
    )


def _compare(workspace: Workspace, number: int, last: int | None, found: "refit.Refitted") -> Comparison:
    """With the last promoted one on the coded units, by what either says that had not seen their codes."""
    golds = evidence.gold_codes(workspace, number)
    judged = golds[0][found.given.rows] >= 0  # not what was adopted for training alone
    rows = found.given.rows[judged]
    new = in_the_loop.leanings(workspace, number)
    before = [None] * len(new) if last is None else in_the_loop.leanings(workspace, last)
    parts = facets(workspace.study.codebook)
    questions = [
        Question(codes[rows], len(part.answers), of_new[rows], None if of_last is None else of_last[rows])
        for part, codes, of_new, of_last in zip(parts, golds, new, before, strict=True)
    ]
    return compare(questions, found.fold[judged], found.given.weights[judged])


def _figures(compared: Comparison) -> dict[str, float]:
    return {
        "log_loss": compared.log_loss,
        "last_log_loss": compared.last_log_loss,
        "gain": compared.gain,
        "std_error": compared.std_error,
        "lower_bound": compared.lower_bound,
    }
