"""What a study knows so far, as arrays in corpus order: machine labels, ledgers, gold, predictions."""

from dataclasses import dataclass
from functools import partial

import numpy as np
import pandas as pd

from annotator.asked import Data
from annotator.asked import estimands as asked_estimands
from annotator.features import features
from annotator.inference.estimands import Estimand
from annotator.inference.rectify import Round
from annotator.roles import unit_weights
from annotator.sampling import campaign as rounds_of
from annotator.sampling.campaign import Campaign
from annotator.seeds import generator
from annotator.study import Study
from annotator.workspace import Workspace, gold, ledger, nonresponse, predictions
from models.arrays import BoolArray, FloatArray, IntArray
from models.error_map import ErrorMap
from models.signals import Signals


def machine(workspace: Workspace) -> Signals:
    """What is known of every unit without people.

    The labels and confidences of all annotators in the study file's order, and as features the covariates,
    the logarithm of the text's length, and every signal that an annotator gave.
    """
    names = workspace.study.codebook.names
    frames = [workspace.machine_labels(m.name) for m in workspace.study.machine]
    extra = pd.DataFrame({"length": np.log1p(workspace.units["text"].str.len().to_numpy(dtype=float))})
    for a, (section, frame) in enumerate(zip(workspace.study.machine, frames, strict=True)):
        for name, values in _signals(workspace.machine_signals(section.name), frame).items():
            extra[f"{name}_{a}"] = values
    return Signals(
        labels=np.column_stack([code_index(frame["label"], names) for frame in frames]),
        confidence=np.column_stack([frame["confidence"].to_numpy(dtype=float) for frame in frames]),
        features=np.concatenate(
            [
                features(workspace.units, workspace.study.corpus.covariates),
                features(extra, tuple(extra.columns)),
            ],
            axis=1,
        ),
    )


def _signals(signals: pd.DataFrame, frame: pd.DataFrame) -> dict[str, FloatArray]:
    """The signals of one annotator that tell more than its confidence: details, with a colon, are left out.

    Labels made by an earlier version have log-probabilities in a column of their own only.
    """
    if "logprob" not in signals.columns and frame["logprob"].notna().any():
        signals = signals.assign(logprob=frame["logprob"].to_numpy(dtype=float))
    confidence = frame["confidence"].to_numpy(dtype=float)
    values = {str(name): column.to_numpy(dtype=float) for name, column in signals.items()}
    return {
        name: column
        for name, column in values.items()
        if ":" not in name and not np.array_equal(column, confidence, equal_nan=True)
    }


def campaign(workspace: Workspace, said: Signals, estimands: list[Estimand]) -> Campaign:
    """The study's rounds as pure functions take them; ``estimands`` may be empty where none is opened."""
    return Campaign(
        signals=said,
        n_codes=len(workspace.study.codebook.names),
        estimands=estimands,
        uniform_mix=workspace.study.design.uniform_mix,
        candidates=workspace.study.design.error_map,
        training=workspace.study.design.training,
    )


def estimands(
    workspace: Workspace, study: Study | None = None, units: pd.DataFrame | None = None
) -> list[Estimand]:
    """The estimands of the study on its corpus; or of another one that asks of the same units."""
    study = study or workspace.study
    units = workspace.units if units is None else units
    data = Data(
        units=units,
        codebook=study.codebook,
        weights=unit_weights(study, units),
        machine_labels=partial(_labels_of, workspace),
        folder=study.folder,
    )
    return asked_estimands(study.estimands, data)


def _labels_of(workspace: Workspace, annotator: str | None) -> IntArray:
    frame = workspace.machine_labels(annotator or workspace.study.machine[0].name)
    return code_index(frame["label"], workspace.study.codebook.names)


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
                weight=design.weight,
            )
        )
        known |= design.drawn
    return found


@dataclass(frozen=True)
class Drawn:
    """A round's ledger as (N,) arrays; NaN and stratum -1 where a unit was not eligible."""

    inclusion_probability: FloatArray
    drawn: BoolArray
    stratum: IntArray
    weight: float | None


def drawn_in(workspace: Workspace, round_number: int) -> Drawn:
    """The ledger of one round, in corpus order.

    Where the round was closed without some codes, those units count as not drawn, and the probabilities of
    their strata are multiplied by the response rate.
    """
    rows = workspace.store.read_frame(ledger(round_number))
    n_units, at = len(workspace.units), _positions(workspace, rows)
    probability = np.full(n_units, np.nan)
    drawn = np.zeros(n_units, dtype=bool)
    stratum = np.full(n_units, -1, dtype=np.int64)
    probability[at] = rows["inclusion_probability"]
    drawn[at] = rows["drawn"]
    stratum[at] = rows["stratum"]
    if workspace.store.exists(nonresponse(round_number)):
        lost = workspace.store.read_frame(nonresponse(round_number))
        drawn[_positions(workspace, lost)] = False
        for of, rate in lost[["stratum", "response_rate"]].drop_duplicates().to_numpy():
            probability[(stratum == of) | (of < 0)] *= rate
    weight = workspace.store.metadata(ledger(round_number)).get("round_weight")
    return Drawn(probability, drawn, stratum, None if weight is None else float(weight))


def given_up(workspace: Workspace, round_number: int) -> set[str]:
    """The drawn units whose codes are no longer waited for."""
    path = nonresponse(round_number)
    return set(workspace.store.read_frame(path)["unit_id"]) if workspace.store.exists(path) else set()


def fit_map(workspace: Workspace, said: Signals, n_rounds: int) -> ErrorMap:
    """The map that designs round ``n_rounds + 1``; asked again, it is fitted the same way."""
    return rounds_of.fit_map(
        campaign(workspace, said, []),
        gold_codes(workspace, n_rounds),
        generator(workspace.study, n_rounds + 1, "error_map"),
    )


def corpus_map(workspace: Workspace, said: Signals, n_rounds: int) -> ErrorMap:
    """The map that describes the corpus: on the gold of the first ``n_rounds`` rounds, weighted by 1/pi."""
    return rounds_of.fit_map(
        campaign(workspace, said, []),
        gold_codes(workspace, n_rounds),
        generator(workspace.study, n_rounds + 1, "error_map"),
        1.0 / drawn_with(workspace, n_rounds),
    )


def drawn_with(workspace: Workspace, n_rounds: int) -> FloatArray:
    """(N,) the inclusion probability of every drawn unit in the round that drew it, NaN elsewhere."""
    probability = np.full(len(workspace.units), np.nan)
    for number in range(1, n_rounds + 1):
        design = drawn_in(workspace, number)
        probability[design.drawn] = design.inclusion_probability[design.drawn]
    return probability


def _positions(workspace: Workspace, rows: pd.DataFrame) -> IntArray:
    return workspace.position.loc[rows["unit_id"]].to_numpy(dtype=np.int64)
