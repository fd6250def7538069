"""What machine annotators said of every unit, as arrays in corpus order.

It comes one for each facet of the codebook: one, unless several codes may apply to a unit.
"""

import numpy as np
import pandas as pd

from annotator.facets import Facet, facets
from annotator.features import features
from annotator.workspace import Workspace
from models.arrays import FloatArray
from models.signals import Signals


def machine_signals(workspace: Workspace) -> list[Signals]:
    """What is known of every unit without people, for each facet.

    The labels and confidences of all annotators in the study file's order, and as features the covariates,
    the logarithm of the text's length, and every signal that an annotator gave.
    """
    frames = [workspace.machine_labels(m.name) for m in workspace.study.machine]
    extra = pd.DataFrame({"length": np.log1p(workspace.units["text"].str.len().to_numpy(dtype=float))})
    signals = [workspace.machine_signals(m.name) for m in workspace.study.machine]
    for a, (of, frame) in enumerate(zip(signals, frames, strict=True)):
        for name, values in _signals(of, frame).items():
            extra[f"{name}_{a}"] = values
    known = np.concatenate(
        [
            features(workspace.units, workspace.study.corpus.covariates),
            features(extra, tuple(extra.columns)),
        ],
        axis=1,
    )
    return [
        Signals(
            labels=np.column_stack([facet.index(frame["label"]) for frame in frames]),
            confidence=np.column_stack(
                [_confidence(facet, frame, of) for frame, of in zip(frames, signals, strict=True)]
            ),
            features=known,
        )
        for facet in facets(workspace.study.codebook)
    ]


def _confidence(facet: Facet, frame: pd.DataFrame, signals: pd.DataFrame) -> FloatArray:
    """How sure an annotator is of its answer to a facet, (N,): of one code where it said so, else of all."""
    confidence = frame["confidence"].to_numpy(dtype=float)
    column = f"code:{facet.codes[0]}"
    if not facet.is_set or column not in signals.columns:
        return confidence
    of_code = signals[column].to_numpy(dtype=float)
    of_answer = np.where(facet.index(frame["label"]) == 1, of_code, 1.0 - of_code)
    return np.where(np.isfinite(of_answer), of_answer, confidence)


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
