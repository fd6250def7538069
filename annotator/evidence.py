"""What a study knows so far, as arrays in corpus order: machine labels, ledgers, gold, predictions."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from annotator.inference.rectify import Round
from annotator.seeds import generator
from annotator.workspace import Workspace, gold, ledger, predictions
from models.arrays import BoolArray, FloatArray, IntArray
from models.error_map import ErrorMap, fit_error_map


@dataclass(frozen=True)
class MachineEvidence:
    """What the machine annotators said: ``labels`` (N, A) code indices, -1 failed; ``confidence`` (N, A)."""

    labels: IntArray
    confidence: FloatArray


def machine(workspace: Workspace) -> MachineEvidence:
    """The machine labels of all annotators, in the study file's order."""
    names = workspace.study.codebook.names
    frames = [workspace.machine_labels(m.name) for m in workspace.study.machine]
    return MachineEvidence(
        labels=np.column_stack([code_index(frame["label"], names) for frame in frames]),
        confidence=np.column_stack([frame["confidence"].to_numpy(dtype=float) for frame in frames]),
    )


def code_index(labels: pd.Series, names: tuple[str, ...]) -> IntArray:
    """Codes as positions in the codebook, -1 where there is none."""
    return np.asarray(pd.Categorical(labels, categories=list(names)).codes, dtype=np.int64)


def gold_codes(workspace: Workspace, n_rounds: int) -> IntArray:
    """(N,) the human code of every unit coded in rounds 1..n_rounds, -1 elsewhere."""
    codes = np.full(len(workspace.units), -1, dtype=np.int64)
    for number in range(1, n_rounds + 1):
        rows = workspace.store.read_frame(gold(number))
        codes[_positions(workspace, rows)] = code_index(rows["label"], workspace.study.codebook.names)
    return codes


def rounds(workspace: Workspace, n_rounds: int) -> list[Round]:
    """The first ``n_rounds`` rounds as the estimator needs them. Their predictions must exist."""
    known = np.zeros(len(workspace.units), dtype=bool)
    found: list[Round] = []
    for number in range(1, n_rounds + 1):
        design = drawn_in(workspace, number)
        prediction = workspace.store.read_frame(predictions(number))
        found.append(
            Round(
                number=number,
                known=known.copy(),
                inclusion_probability=design.inclusion_probability,
                drawn=design.drawn,
                stratum=design.stratum,
                prediction=prediction[list(workspace.study.codebook.names)].to_numpy(dtype=float),
            )
        )
        known |= design.drawn
    return found


@dataclass(frozen=True)
class Drawn:
    """A round's ledger as (N,) arrays; the probability is NaN where a unit was not eligible."""

    inclusion_probability: FloatArray
    drawn: BoolArray
    stratum: IntArray


def drawn_in(workspace: Workspace, round_number: int) -> Drawn:
    """The ledger of one round, in corpus order."""
    rows = workspace.store.read_frame(ledger(round_number))
    n_units, at = len(workspace.units), _positions(workspace, rows)
    probability = np.full(n_units, np.nan)
    drawn = np.zeros(n_units, dtype=bool)
    stratum = np.zeros(n_units, dtype=np.int64)
    probability[at] = rows["inclusion_probability"]
    drawn[at] = rows["drawn"]
    stratum[at] = rows["stratum"]
    return Drawn(probability, drawn, stratum)


def fit_map(workspace: Workspace, said: MachineEvidence, n_rounds: int) -> ErrorMap:
    """The confidence-to-error map on the gold of the first ``n_rounds`` rounds, weighted by 1/pi.

    It is the map that designs round ``n_rounds + 1``; asked again, it is fitted the same way.
    """
    codes = gold_codes(workspace, n_rounds)
    coded = codes >= 0
    return fit_error_map(
        said.labels[coded],
        said.confidence[coded],
        codes[coded],
        n_codes=len(workspace.study.codebook.names),
        weights=1.0 / drawn_with(workspace, n_rounds)[coded],
        rng=generator(workspace.study, n_rounds + 1, "error_map"),
    )


def drawn_with(workspace: Workspace, n_rounds: int) -> FloatArray:
    """(N,) the inclusion probability of every drawn unit in the round that drew it, NaN elsewhere."""
    probability = np.full(len(workspace.units), np.nan)
    for number in range(1, n_rounds + 1):
        design = drawn_in(workspace, number)
        probability[design.drawn] = design.inclusion_probability[design.drawn]
    return probability


def error_probability(prediction: FloatArray, machine_label: IntArray) -> FloatArray:
    """(N,) one minus the predicted probability of the machine label; NaN where the label failed."""
    rows = np.arange(len(machine_label))
    return np.where(machine_label >= 0, 1.0 - prediction[rows, np.maximum(machine_label, 0)], np.nan)


def _positions(workspace: Workspace, rows: pd.DataFrame) -> IntArray:
    return workspace.position.loc[rows["unit_id"]].to_numpy(dtype=np.int64)
