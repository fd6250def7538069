"""Stage: before a round opens, a few fixed units are put to an endpoint again, to notice a changed model.

The labels of the corpus stay as they are, and so do all estimates: what is written here only warns.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd
import pyarrow as pa

from annotator import schema
from annotator.errors import AnnotatorError
from annotator.labeling.build import build
from annotator.labeling.drift import REPEATING, Drift, compare
from annotator.labeling.protocol import to_table
from annotator.machines import Machine, OpenAIMachine
from annotator.seeds import generator
from annotator.stages.shards import units_of
from annotator.workspace import SHARD_SIZE, Workspace, canary_labels, shard

NO_REPLY = ("timeout", "error")


@dataclass(frozen=True)
class Finding:
    """What the canary of one annotator said before one round; ``note`` says why it could not be asked."""

    annotator: str
    round_number: int
    drift: Drift
    tokens_in: int
    tokens_out: int
    cost: float
    note: str = ""

    @property
    def warning(self) -> str | None:
        """What to tell people, if there is something to tell."""
        if self.note:
            return f"{self.annotator} could not be asked again before round {self.round_number}: {self.note}"
        if not self.drift.is_warning:
            return None
        return (
            f"{self.annotator} may be another model by now: asked again before round {self.round_number}, "
            f"{self.drift}, more than repeated asking explains"
        )


def due(workspace: Workspace, round_number: int) -> list[Machine]:
    """The machine annotators to be asked again before this round."""
    return [
        machine
        for machine in workspace.study.machine
        if size(machine) and not workspace.store.exists(canary_labels(machine.name, round_number))
    ]


def size(machine: Machine) -> int:
    """How many units are asked again: only a model that others run may change by itself."""
    return machine.canary if isinstance(machine, OpenAIMachine) else 0


def canary(workspace: Workspace, round_number: int) -> str:
    """Write ``canary/round-NNN.parquet`` of every annotator that is due.

    An endpoint that fails is a note in the file, and stops nothing.
    """
    for machine in due(workspace, round_number):
        _ask_again(workspace, machine, round_number)
    found = [finding for finding in findings(workspace) if finding.round_number == round_number]
    return "; ".join(f.warning or f"{f.annotator} as before: {f.drift}" for f in found) or "nothing asked"


def _ask_again(workspace: Workspace, machine: Machine, round_number: int) -> None:
    before = _first_labels(workspace, machine)
    rows = workspace.units.iloc[workspace.position[before["unit_id"]].to_numpy()]
    units = units_of(workspace, pa.Table.from_pandas(rows, preserve_index=False))
    note = ""
    try:
        annotator = build(workspace, machine, occasion=f"canary of round {round_number}")
        now = to_table(annotator.label(units)).to_pandas()
    except AnnotatorError as error:
        note, now, before = error.message, to_table([]).to_pandas(), before.iloc[:0]
    now["first_label"], now["first_confidence"] = before["label"].array, before["confidence"].array
    now["first_status"], now["round"] = before["status"].array, round_number
    path = canary_labels(machine.name, round_number)
    workspace.write(path, now, schema.CANARY, annotator=machine.name, round=round_number, note=note)


def _first_labels(workspace: Workspace, machine: Machine) -> pd.DataFrame:
    """The rows of the units that are asked again, which the seed chose once and for all."""
    n_units = len(workspace.units)
    rng = generator(workspace.study, 0, "canary")
    positions = np.sort(rng.choice(n_units, min(size(machine), n_units), replace=False))
    parts = [
        workspace.store.read_frame(shard(machine.name, int(index))).iloc[
            positions[positions // SHARD_SIZE == index] % SHARD_SIZE
        ]
        for index in np.unique(positions // SHARD_SIZE)
    ]
    first: pd.DataFrame = pd.concat(parts, ignore_index=True)
    return first


def findings(workspace: Workspace) -> list[Finding]:
    """What all canaries said so far, by annotator and round."""
    return [
        finding
        for machine in workspace.study.machine
        if isinstance(machine, OpenAIMachine)
        for finding in _findings_of(workspace, machine.name)
    ]


def _findings_of(workspace: Workspace, annotator: str) -> list[Finding]:
    """The first asking comes right after the corpus was labelled: it tells what repeated asking does."""
    found: list[Finding] = []
    usual = REPEATING
    for number in range(1, workspace.study.design.rounds + 1):
        path = canary_labels(annotator, number)
        if not workspace.store.exists(path):
            continue
        rows, note = workspace.store.read_frame(path), workspace.store.metadata(path)["note"]
        compared = rows[~rows["status"].isin(NO_REPLY) & ~rows["first_status"].isin(NO_REPLY)]
        drift = compare(
            (compared["label"].fillna("") != compared["first_label"].fillna("")).to_numpy(dtype=bool),
            (compared["confidence"] - compared["first_confidence"]).to_numpy(dtype=float),
            usual=usual,
            confidence_level=workspace.study.confidence_level,
        )
        tokens_in, tokens_out = (int(rows[column].sum()) for column in ("tokens_in", "tokens_out"))
        cost = float(rows["cost"].sum())
        found.append(Finding(annotator, number, drift, tokens_in, tokens_out, cost, str(note)))
        if number == 1 and drift.n_compared:
            usual = max(REPEATING, drift.share)
    return found


def as_frame(found: list[Finding]) -> pd.DataFrame:
    """The findings as a table for people and scripts."""
    rows = [
        {
            "annotator": finding.annotator,
            "round": finding.round_number,
            "asked_again": finding.drift.n_compared,
            "changed": finding.drift.n_changed,
            "ci_low": finding.drift.ci_low,
            "ci_high": finding.drift.ci_high,
            "p_changed": finding.drift.p_changed,
            "confidence_change": finding.drift.confidence_change,
            "p_confidence": finding.drift.p_confidence,
            "tokens_in": finding.tokens_in,
            "tokens_out": finding.tokens_out,
            "cost": finding.cost,
            "warning": finding.warning or "",
        }
        for finding in found
    ]
    return pd.DataFrame(rows, columns=_COLUMNS)


_COLUMNS = [
    "annotator",
    "round",
    "asked_again",
    "changed",
    "ci_low",
    "ci_high",
    "p_changed",
    "confidence_change",
    "p_confidence",
    "tokens_in",
    "tokens_out",
    "cost",
    "warning",
]
