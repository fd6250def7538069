"""Part of the stage `publish`: how far the codes depend on who gave them."""

from collections.abc import Iterator
from functools import partial

import numpy as np
import pandas as pd

from annotator import evidence, schema
from annotator.adoption import stored
from annotator.coding.ratings import Ratings, label_ratings, ratings, together
from annotator.coding.reliability.coded import Coded
from annotator.coding.reliability.table import reliability_table
from annotator.roles import unit_weights
from annotator.seeds import generator
from annotator.stages.collect import stored_codes
from annotator.workspace import ADOPTED, RELIABILITY, Workspace, gold, ledger, posteriors, taught
from models.arrays import FloatArray


def reliability(workspace: Workspace, n_rounds: int) -> pd.DataFrame:
    """The rows of ``reliability.parquet``, which is written first unless it shows these rounds already."""
    if not is_current(workspace, n_rounds):
        rows = reliability_table(
            coded(workspace, n_rounds),
            partial(generator, workspace.study),
            confidence_level=workspace.study.confidence_level,
            adopted=adopted(workspace),
        )
        level = workspace.study.confidence_level
        workspace.write(RELIABILITY, rows, schema.RELIABILITY, rounds=n_rounds, confidence_level=level)
    return workspace.store.read_frame(RELIABILITY)


def is_current(workspace: Workspace, n_rounds: int) -> bool:
    """Whether the table shows ``n_rounds`` rounds with the study's confidence level."""
    if not workspace.store.exists(RELIABILITY):
        return False
    metadata = workspace.store.metadata(RELIABILITY)
    level = workspace.study.confidence_level
    return bool(metadata.get("rounds") == n_rounds and metadata.get("confidence_level") == level)


def coded(workspace: Workspace, n_rounds: int) -> Coded:
    """What people, gold and machines say of the units of the first ``n_rounds`` rounds that have gold."""
    book, numbers = workspace.study.codebook, range(1, n_rounds + 1)
    of_round = [workspace.store.read_frame(gold(number)) for number in numbers]
    settled = pd.concat(of_round, ignore_index=True)
    units = settled["unit_id"].tolist()
    codes = pd.concat([stored_codes(workspace, number) for number in numbers], ignore_index=True)
    return Coded(
        codebook=book,
        people=ratings(codes, book).of(units),
        gold=label_ratings(units, settled["label"], book, "gold"),
        machines=together(*_machines(workspace, units)),
        rounds=np.repeat(np.arange(1, n_rounds + 1), [len(frame) for frame in of_round]),
        weights=_weights(workspace, [frame["unit_id"].tolist() for frame in of_round]),
        doubt=np.concatenate([_doubt(workspace, number) for number in numbers]),
        shown=np.isin(units, _shown(workspace, numbers)),
        how=settled["how"].to_numpy(dtype=str),
    )


def adopted(workspace: Workspace) -> Coded | None:
    """The same of the units that were coded before the study, if several people coded one of them.

    What such a unit stands for is not known, or only of a part of them, so that they count alike.
    """
    if not stored.has_adopted(workspace):
        return None
    book = workspace.study.codebook
    tables = [workspace.store.read_frame(path) for path in (gold(ADOPTED), taught(ADOPTED))]
    settled = pd.concat(tables, ignore_index=True)
    units = settled["unit_id"].tolist()
    people = ratings(stored_codes(workspace, ADOPTED), book).of(units)
    if not (people.given.sum(axis=1) > 1).any():
        return None
    return Coded(
        codebook=book,
        people=people,
        gold=label_ratings(units, settled["label"], book, "gold"),
        machines=together(*_machines(workspace, units)),
        rounds=np.full(len(units), ADOPTED),
        weights=None,
        doubt=np.full(len(units), np.nan),
        shown=np.isin(units, _shown(workspace, range(ADOPTED, ADOPTED + 1))),
        how=settled["how"].to_numpy(dtype=str),
    )


def _machines(workspace: Workspace, units: list[str]) -> Iterator[Ratings]:
    for machine in workspace.study.machine:
        labels = workspace.machine_labels(machine.name)["label"].iloc[
            workspace.position.loc[units].to_numpy()
        ]
        yield label_ratings(units, labels, workspace.study.codebook, machine.name)


def _weights(workspace: Workspace, units_of: list[list[str]]) -> FloatArray:
    """The corpus's weights over inclusion probabilities, as many in sum as there are units in each round."""
    own = unit_weights(workspace.study, workspace.units)
    parts = []
    for number, units in enumerate(units_of, start=1):
        at = workspace.position.loc[units].to_numpy()
        stands_for = 1.0 / evidence.drawn_in(workspace, number).inclusion_probability[at]
        stands_for = stands_for if own is None else stands_for * own[at]
        parts.append(stands_for * len(units) / stands_for.sum())
    return np.concatenate(parts)


def _shown(workspace: Workspace, numbers: range) -> list[str]:
    """The units that came with a machine label, by the ledgers."""
    ledgers = pd.concat([workspace.store.read_frame(ledger(number)) for number in numbers])
    return list(ledgers.loc[ledgers["preannotated"], "unit_id"])


def _doubt(workspace: Workspace, number: int) -> FloatArray:
    """(n,) for the gold of one round: probability that it is wrong, NaN where no model formed it."""
    settled = workspace.store.read_frame(gold(number))
    if not workspace.store.exists(posteriors(number)):
        return np.full(len(settled), np.nan)
    behind = workspace.store.read_frame(posteriors(number)).set_index("unit_id")
    probability = behind.loc[settled["unit_id"], list(workspace.study.codebook.names)].to_numpy()
    if workspace.study.codebook.is_multilabel:
        return np.asarray(1.0 - np.maximum(probability, 1.0 - probability).prod(axis=1))
    return np.asarray(1.0 - probability.max(axis=1))
