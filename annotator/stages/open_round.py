"""Stage: decide who can be drawn with which probability, draw, and write it down before anyone is asked."""

from dataclasses import replace

import numpy as np
import pandas as pd

from annotator import evidence, schema
from annotator.evidence import MachineEvidence
from annotator.sampling.design import Design, first_round, later_round
from annotator.seeds import stream_seed
from annotator.workspace import Workspace, ledger, predictions
from models.arrays import FloatArray
from models.error_map import ErrorMap


def open_round(workspace: Workspace, round_number: int) -> str:
    """Write ``predictions.parquet`` (from round 2 on) and ``ledger.parquet``, the ledger last."""
    said = evidence.machine(workspace)
    seed = stream_seed(workspace.study, round_number, "draw")
    if round_number == 1:
        design = _first(workspace, said, seed)
        about_map = "none yet: it is fitted when this round is coded"
    else:
        error_map = evidence.fit_map(workspace, said, round_number - 1)
        design = _later(workspace, round_number, said, error_map, seed=seed)
        about_map = describe_map(error_map)
        prediction = error_map.predict(said.labels, said.confidence)
        write_predictions(workspace, round_number, prediction, error_map=about_map)
    workspace.write(
        ledger(round_number),
        _ledger_rows(workspace, round_number, design, seed),
        schema.LEDGER,
        round=round_number,
        reason=design.reason,
        uniform_mix=design.uniform_mix,
        error_map=about_map,
        blind=True,
    )
    return f"{int(design.drawn.sum())} units drawn ({design.reason})"


def _first(workspace: Workspace, said: MachineEvidence, seed: int) -> Design:
    budget = workspace.study.design.round_budget(1)
    design = first_round(said.labels, said.confidence, budget, np.random.default_rng(seed))
    return replace(design, error_probability=1.0 - said.confidence[design.units, 0])


def _later(
    workspace: Workspace,
    round_number: int,
    said: MachineEvidence,
    error_map: ErrorMap,
    *,
    seed: int,
) -> Design:
    prediction = error_map.predict(said.labels, said.confidence)
    return later_round(
        prediction,
        evidence.error_probability(prediction, said.labels[:, 0]),
        evidence.gold_codes(workspace, round_number - 1) < 0,
        workspace.study.design.round_budget(round_number),
        np.random.default_rng(seed),
        map_has_skill=error_map.has_skill,
        uniform_mix=workspace.study.design.uniform_mix,
        machine_labels=said.labels,
        confidence=said.confidence,
    )


def _ledger_rows(workspace: Workspace, round_number: int, design: Design, seed: int) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "unit_id": workspace.units["unit_id"].to_numpy()[design.units],
            "round": round_number,
            "inclusion_probability": design.inclusion_probability,
            "score": design.score,
            "error_probability": design.error_probability,
            "stratum": design.stratum,
            "drawn": design.drawn,
            "purpose": "estimate",
            "seed": seed,
        }
    )


def write_predictions(
    workspace: Workspace, round_number: int, prediction: FloatArray, **metadata: object
) -> None:
    """Keep the probabilities (N, K) a round's estimate uses."""
    names = workspace.study.codebook.names
    rows = pd.DataFrame(prediction, columns=list(names))
    rows.insert(0, "unit_id", workspace.units["unit_id"])
    workspace.write(
        predictions(round_number), rows, schema.predictions(names), round=round_number, **metadata
    )


def describe_map(error_map: ErrorMap) -> str:
    """The map in one line for people: which candidate, how much better than none."""
    base, chosen = (
        next(loss.log_loss for loss in error_map.losses if loss.candidate == name)
        for name in ("intercept", error_map.candidate)
    )
    skill = "has skill" if error_map.has_skill else "no skill beyond the base rate"
    loss = f"log loss {chosen:.3f} (without a map {base:.3f})"
    return f"{error_map.candidate} on {error_map.n_gold} codes, {loss}, {skill}"
