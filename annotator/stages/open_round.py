"""Stage: decide who can be drawn with which probability, draw, and write it down before anyone is asked."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from annotator import evidence, schema
from annotator.budget import round_sizes
from annotator.classifiers import in_the_loop
from annotator.coders import LabelStudioCoding
from annotator.sampling.campaign import round_weights
from annotator.sampling.design import Design
from annotator.sampling.rounds import open_first_round, open_later_round
from annotator.seeds import generator, stream_seed
from annotator.workspace import Workspace, ledger
from models.arrays import BoolArray
from models.candidates import INTERCEPT
from models.error_map import ErrorMap


def open_round(workspace: Workspace, round_number: int) -> str:
    """Write ``ledger.parquet``. Everything that decides the draw comes from the machine and earlier gold."""
    said, model = in_the_loop.signals(workspace, round_number), in_the_loop.used_by(workspace, round_number)
    campaign = evidence.campaign(workspace, said, evidence.asked(workspace))
    campaign = in_the_loop.with_classifier(workspace, campaign, round_number)
    seed = stream_seed(workspace.study, round_number, "draw")
    rng = np.random.default_rng(seed)
    sizes = round_sizes(workspace, round_number - 1)
    budget = sizes[round_number - 1]
    error_maps = evidence.design_maps(workspace, said, round_number)
    if error_maps is None:
        design = open_first_round(campaign, budget, rng)
        about_map = "none yet: it is fitted when this round is coded"
    else:
        gold = evidence.gold_codes(workspace, round_number - 1)
        design = open_later_round(campaign, error_maps, gold, budget, rng)
        about_map = _describe_maps(workspace, error_maps)
    rows = _ledger_rows(workspace, round_number, design, seed)
    workspace.write(
        ledger(round_number),
        rows,
        schema.LEDGER,
        round=round_number,
        reason=design.reason,
        uniform_mix=design.uniform_mix,
        round_weight=float(
            round_weights(campaign, sizes, evidence.coded_before(workspace))[round_number - 1]
        ),
        error_map=about_map,
        blind=not rows["preannotated"].any(),
        **({} if model is None else {"model": model}),
    )
    return f"{int(design.drawn.sum())} units drawn ({design.reason})"


def _ledger_rows(workspace: Workspace, round_number: int, design: Design, seed: int) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "unit_id": workspace.units["unit_id"].array.take(design.units),
            "round": round_number,
            "inclusion_probability": design.inclusion_probability,
            "score": design.score,
            "error_probability": design.error_probability,
            "stratum": design.stratum,
            "drawn": design.drawn,
            "purpose": "estimate"
            if design.picked is None
            else np.where(design.picked, "training", "estimate"),
            "seed": seed,
            "preannotated": _preannotated(workspace, round_number, design),
        },
        copy=False,
    )


def _preannotated(workspace: Workspace, round_number: int, design: Design) -> BoolArray:
    """Whether coders will see the first machine annotator's label, (m,): of a random share of those drawn."""
    coding = workspace.study.coding
    share = coding.shown if isinstance(coding, LabelStudioCoding) else 0.0
    shown = np.zeros(design.units.size, dtype=bool)
    if share:
        labels = workspace.machine_labels(workspace.study.machine[0].name)["label"]
        able = np.flatnonzero(design.drawn & labels.notna().to_numpy()[design.units])
        rng = generator(workspace.study, round_number, "preannotated")
        shown[rng.choice(able, size=round(share * able.size), replace=False)] = True
    return shown


def _describe_maps(workspace: Workspace, error_maps: Sequence[ErrorMap]) -> str:
    """All maps in one line, each with its code where there are several."""
    if len(error_maps) == 1:
        return _describe_map(error_maps[0])
    names = workspace.study.codebook.names
    return "; ".join(f"{name}: {_describe_map(of)}" for name, of in zip(names, error_maps, strict=True))


def _describe_map(error_map: ErrorMap) -> str:
    """The map in one line for people: which candidate, how much better than none."""
    base, chosen = (
        next(loss.log_loss for loss in error_map.losses if loss.candidate == name)
        for name in (INTERCEPT, error_map.candidate)
    )
    skill = "has skill" if error_map.has_skill else "no skill beyond the base rate"
    loss = f"log loss {chosen:.3f} (without a map {base:.3f})"
    return f"{error_map.candidate} on {error_map.n_gold} codes, {loss}, {skill}"
