"""The product: one row a unit with all that is known of it, ready for any regression.

A linear regression with the outcome ``rectified_<label>`` in place of the label gives point estimates that
are valid for the corpus; their means are the estimates of ``estimates.parquet``.
"""

import numpy as np
import pandas as pd

from annotator import evidence
from annotator.classifiers import in_the_loop
from annotator.facets import facets, written
from annotator.inference.rectify import Round, rectify
from annotator.workspace import Workspace


def labels(workspace: Workspace, n_rounds: int) -> pd.DataFrame:
    """Machine labels, prediction, gold, rectified labels and the history of the draw, in corpus order."""
    rounds = evidence.rounds(workspace, n_rounds)
    known = [c for c in workspace.units.columns if c not in {"text", "content_hash"}]
    parts = [
        workspace.units[known],
        _machine_labels(workspace),
        _predictions(workspace, n_rounds),
        _gold(workspace, n_rounds),
        _rectified(workspace, rounds, n_rounds),
        _inclusion_history(rounds[0]),
    ]
    return pd.concat([part.reset_index(drop=True) for part in parts], axis=1)


def _machine_labels(workspace: Workspace) -> pd.DataFrame:
    columns = {}
    for machine in workspace.study.machine:
        said = workspace.machine_labels(machine.name)
        columns[f"machine_label_{machine.name}"] = said["label"]
        columns[f"machine_confidence_{machine.name}"] = said["confidence"]
    return pd.DataFrame(columns)


def _predictions(workspace: Workspace, n_rounds: int) -> pd.DataFrame:
    """What the newest confidence-to-error maps predict: the likeliest label and each code's probability."""
    codebook = workspace.study.codebook
    said = in_the_loop.signals(workspace, n_rounds)
    maps = evidence.corpus_maps(workspace, said, n_rounds)
    probabilities = [error_map.predict(of) for error_map, of in zip(maps, said, strict=True)]
    frame = evidence.prediction_columns(workspace, probabilities)
    likeliest = [p.argmax(axis=1) for p in probabilities]
    labels = written(facets(codebook), likeliest)
    return frame.add_prefix("probability_").assign(prediction=labels)[
        ["prediction", *(f"probability_{name}" for name in codebook.names)]
    ]


def _gold(workspace: Workspace, n_rounds: int) -> pd.DataFrame:
    rows = evidence.gold_rows(workspace, n_rounds).set_index("unit_id")
    by_unit = rows.reindex(workspace.units["unit_id"])
    return by_unit.rename(columns={"label": "gold", "how": "gold_how"})[["gold", "gold_how"]]


def _rectified(workspace: Workspace, rounds: list[list[Round]], n_rounds: int) -> pd.DataFrame:
    gold = evidence.gold_codes(workspace, n_rounds)
    labels = [
        rectify(of, codes, of[0].prediction.shape[1]).labels for of, codes in zip(rounds, gold, strict=True)
    ]
    return evidence.prediction_columns(workspace, labels).add_prefix("rectified_")


def _inclusion_history(rounds: list[Round]) -> pd.DataFrame:
    """The round that drew a unit (missing if none), and its probability in each round it was eligible for.

    Units coded before the study have the round 0.
    """
    drawn_in = np.sum([each.number * each.drawn for each in rounds], axis=0)
    frame = pd.DataFrame({"round": drawn_in}).astype("Int64")
    frame["round"] = frame["round"].mask(~(rounds[-1].known | rounds[-1].drawn))
    for each in rounds:
        frame[f"inclusion_probability_{each.number:03d}"] = each.inclusion_probability
    return frame
