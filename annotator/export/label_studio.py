"""Tasks for Label Studio: texts with gold as ground truth, and machine labels as predictions, when asked."""

import json
import math
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from annotator import evidence, label_sets
from annotator.codebook import Codebook
from annotator.coding.form import Form
from annotator.coding.labeling_config import chosen, labeling_config
from annotator.errors import StudyError
from annotator.export.wanted import Wanted
from annotator.export.whole import write_text
from annotator.state import n_closed_rounds
from annotator.workspace import Workspace


def label_studio(workspace: Workspace, place: Path, wanted: Wanted) -> list[Path]:
    """Write the tasks as JSON that Label Studio imports, and beside it the interface (``.xml``) they need.

    Whoever codes tasks with predictions in them is no longer blind: Label Studio may show them pre-selected.
    Raises StudyError for a machine annotator that there is not.
    """
    tasks = list(_tasks(workspace, wanted))
    interface = labeling_config(Form(workspace.study.codebook))
    return [
        write_text(place, json.dumps(tasks, ensure_ascii=False, indent=1)),
        write_text(place.with_suffix(".xml"), interface),
    ]


def _tasks(workspace: Workspace, wanted: Wanted) -> Iterator[dict[str, Any]]:
    book, units = workspace.study.codebook, workspace.units
    gold = evidence.gold_labels(workspace, n_closed_rounds(workspace)).tolist()
    said = _machine_labels(workspace, wanted.machine)
    columns = ("unit_id", "text", *workspace.study.corpus.covariates)
    for row, (data, label) in enumerate(zip(units[list(columns)].to_dict("records"), gold, strict=True)):
        is_coded = isinstance(label, str)
        if wanted.coded_only and not is_coded:
            continue
        task: dict[str, Any] = {"data": {str(name): _plain(value) for name, value in data.items()}}
        if wanted.gold and is_coded:
            task["annotations"] = [{"result": _result(label, book), "ground_truth": True}]
        if said is not None and isinstance(said["label"].iloc[row], str):
            task["predictions"] = [_prediction(said.iloc[row], book)]
        yield task


def _prediction(row: pd.Series, codebook: Codebook) -> dict[str, Any]:
    shown = {"model_version": row["annotator"], "result": _result(row["label"], codebook)}
    score = float(row["confidence"])
    return {**shown, "score": score} if math.isfinite(score) else shown


def _result(label: str, codebook: Codebook) -> list[dict[str, Any]]:
    choices: Sequence[str] = label.split(label_sets.SEPARATOR) if codebook.is_multilabel else [label]
    return [chosen(choices)]


def _machine_labels(workspace: Workspace, name: str | None) -> pd.DataFrame | None:
    if name is None:
        return None
    names = [machine.name for machine in workspace.study.machine]
    if name not in names:
        raise StudyError(
            f"--machine {name}: there is no such machine annotator", hint=f"The study has: {', '.join(names)}"
        )
    return workspace.machine_labels(name)


def _plain(value: Any) -> Any:
    """A value as JSON has it; None for a missing one."""
    if pd.isna(value):
        return None
    return value.item() if hasattr(value, "item") else value if isinstance(value, int | float) else str(value)
