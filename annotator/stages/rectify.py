"""Stage: the estimates with their intervals, after every closed round, from ledgers and gold alone."""

import hashlib
import json
from collections.abc import Iterator

import numpy as np
import pandas as pd

from annotator import evidence, schema
from annotator.inference.methods import Estimate, Question, estimate
from annotator.inference.rectify import UNKNOWN
from annotator.roles import unit_clusters
from annotator.workspace import ESTIMATES, Workspace


def rectify(workspace: Workspace, n_rounds: int) -> str:
    """Write ``estimates.parquet`` with a row for each round, estimand, term, code and method.

    Raises EstimateRefusedError when no honest estimate can be given.
    """
    rounds = evidence.rounds(workspace, n_rounds)
    gold = evidence.gold_codes(workspace, n_rounds)
    machine_labels = evidence.machine(workspace).labels[:, 0]
    asked = evidence.estimands(workspace)
    question = _question(workspace)
    rows: list[dict[str, object]] = []
    for number in range(1, n_rounds + 1):
        so_far = rounds[:number]
        gold_so_far = np.where(so_far[-1].known | so_far[-1].drawn, gold, UNKNOWN)
        results = estimate(so_far, gold_so_far, asked, question, machine_labels=machine_labels)
        rows += _rows(workspace, number, results)
    workspace.write(ESTIMATES, pd.DataFrame(rows), schema.ESTIMATES, rounds=n_rounds, asked=_asked(workspace))
    return f"{len(workspace.study.estimands)} estimands estimated after round {n_rounds}"


def is_current(workspace: Workspace, n_rounds: int) -> bool:
    """Whether the estimates cover ``n_rounds`` rounds and answer what the study file asks now."""
    if not workspace.store.exists(ESTIMATES):
        return False
    metadata = workspace.store.metadata(ESTIMATES)
    return bool(metadata.get("rounds") == n_rounds and metadata.get("asked") == _asked(workspace))


def _asked(workspace: Workspace) -> str:
    study = workspace.study
    parts = study.model_dump(
        mode="json",
        include={
            "estimands": True,
            "population": True,
            "confidence_level": True,
            "design": {"stop", "budget"},
        },
    )
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()[:16]


def _question(workspace: Workspace) -> Question:
    study = workspace.study
    return Question(
        codes=study.codebook.names,
        confidence_level=study.confidence_level,
        population=study.population,
        planned_labels=study.design.budget if study.design.stop else None,
        clusters=unit_clusters(study, workspace.units),
    )


def _rows(workspace: Workspace, number: int, results: list[Estimate]) -> Iterator[dict[str, object]]:
    for result in results:
        row = {key.rstrip("_"): value for key, value in vars(result).items()}
        yield {"study": workspace.study.name, "round": number, **row, "flags": " ".join(result.flags)}
