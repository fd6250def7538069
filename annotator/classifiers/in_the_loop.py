"""Which classifier a round uses, and what it says of every unit.

A round knows the classifier that was promoted last before it was opened, and its ledger says which. Of a unit
that was coded by then it knows what a classifier said that had not seen the code.
"""

from dataclasses import replace

import numpy as np
import pandas as pd

from annotator import evidence, schema
from annotator.errors import EstimateRefusedError
from annotator.machine_signals import machine_signals
from annotator.sampling.campaign import Campaign
from annotator.workspace import Workspace, ledger, model_decision, model_probabilities
from models.arrays import FloatArray
from models.log_odds import log_odds
from models.promotion import QUANTILE as INTERVAL
from models.signals import Signals


def is_due(workspace: Workspace, n_closed: int) -> bool:
    """Whether the classifier of the closed rounds is still to be trained.

    An open round was drawn without it, and needs none.
    """
    model = workspace.study.model
    if not n_closed or model is None or not model.retrain:
        return False
    decided, opened = model_decision(n_closed), ledger(n_closed + 1)
    return not workspace.store.exists(decided) and not workspace.store.exists(opened)


def decisions(workspace: Workspace, n_rounds: int | None = None) -> pd.DataFrame:
    """What was decided after each of the first ``n_rounds`` rounds, or all; under `schema.MODEL_DECISION`."""
    found, number = [], 0
    last = workspace.study.design.rounds if n_rounds is None else n_rounds
    while number < last:
        number += 1
        if workspace.store.exists(model_decision(number)):
            found.append(workspace.store.read_frame(model_decision(number)))
    nothing: pd.DataFrame = schema.MODEL_DECISION.empty_table().to_pandas()
    return pd.concat(found, ignore_index=True) if found else nothing


def overview(workspace: Workspace, n_rounds: int | None = None) -> pd.DataFrame:
    """The decisions for people: what each classifier was compared with, and the interval of its gain."""
    rows = decisions(workspace, n_rounds)
    gain, error = rows["gain"], rows["std_error"]
    return pd.DataFrame(
        {
            "round": rows["round"],
            "kind": rows["kind"],
            "codes": rows["n_coded"],
            "log_loss": rows["log_loss"],
            "compared_with": rows["compared_with"],
            "last_log_loss": rows["last_log_loss"],
            "gain": gain,
            "ci_low": gain - INTERVAL * error,
            "ci_high": gain + INTERVAL * error,
            "promoted": rows["promoted"],
            "note": rows["note"],
        }
    )


def promoted(workspace: Workspace, n_closed: int) -> int | None:
    """The last of the first ``n_closed`` rounds whose classifier was promoted; None where there is none."""
    model = workspace.study.model
    if model is None or not model.retrain:
        return None
    rows = decisions(workspace, n_closed)
    rounds = rows.loc[rows["promoted"], "round"]
    return None if rounds.empty else int(rounds.max())


def used_by(workspace: Workspace, round_number: int) -> int | None:
    """The round whose classifier this round knows: as its ledger says, or as it will say."""
    path = ledger(round_number)
    if not workspace.store.exists(path):
        return promoted(workspace, round_number - 1)
    of_round: int | None = workspace.store.metadata(path).get("model")
    return of_round


def signals(workspace: Workspace, round_number: int) -> list[Signals]:
    """What a round knows of every unit, for each facet: the machine's signals, and the classifier's leanings.

    Raises EstimateRefusedError where a classifier may have seen the code of a unit that it speaks of.
    """
    said, model = machine_signals(workspace), used_by(workspace, round_number)
    if model is None:
        return said
    if model >= round_number:
        raise EstimateRefusedError(
            f"round {round_number} names the classifier of round {model}, which knows the round's own codes",
            hint=f"Restore {workspace.store.address(ledger(round_number))} from a copy.",
        )
    return [of.with_leanings(more) for of, more in zip(said, leanings(workspace, model), strict=True)]


def with_classifier(workspace: Workspace, campaign: Campaign, round_number: int) -> Campaign:
    """The campaign with the classifier's probabilities for the picks for training."""
    model = used_by(workspace, round_number)
    if model is None:
        return campaign
    believed = probabilities(workspace, model)
    return replace(campaign, training=replace(campaign.training, probabilities=believed))


def leanings(workspace: Workspace, model: int) -> list[FloatArray]:
    """The `log_odds` of the classifier of a round for each facet."""
    n_coded = int(workspace.store.metadata(model_probabilities(model))["n_coded"])
    return [log_odds(of, n_coded) for of in probabilities(workspace, model)]


def probabilities(workspace: Workspace, model: int) -> list[FloatArray]:
    """What the classifier of a round says of every unit, (N, A) for each facet.

    Raises EstimateRefusedError if it had seen the code of a unit.
    """
    rows = workspace.store.read_frame(model_probabilities(model))
    coded = evidence.gold_labels(workspace, model).notna().to_numpy()
    if len(rows) != coded.size or (coded & ~rows["out_of_fold"].to_numpy()).any():
        raise EstimateRefusedError(
            f"the classifier of round {model} had seen the codes of units that it speaks of, or units lack",
            hint=f"Restore {workspace.store.address(model_probabilities(model))} from a copy.",
        )
    return of_facets(workspace, rows[list(workspace.study.codebook.names)].to_numpy(dtype=np.float64))


def of_facets(workspace: Workspace, probability: FloatArray) -> list[FloatArray]:
    """Probabilities of the codes (N, K) as those of the answers to each facet, (N, A)."""
    if not workspace.study.codebook.is_multilabel:
        return [probability / probability.sum(axis=1, keepdims=True)]
    return [
        np.column_stack([1.0 - probability[:, k], probability[:, k]]) for k in range(probability.shape[1])
    ]
