"""Stage: the estimates with their intervals, after every closed round, from ledgers and gold alone."""

import hashlib
import json
from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np
import pandas as pd

from annotator import evidence, schema
from annotator.adoption import stored
from annotator.asked import OnFacet
from annotator.campaign_estimates import campaign_estimates
from annotator.inference.methods import DEFAULT_METHODS, Estimate, Question
from annotator.inference.rectify import UNKNOWN
from annotator.machine_signals import machine_signals
from annotator.roles import unit_clusters
from annotator.study import Study
from annotator.workspace import ADOPTED, ESTIMATES, Workspace

NONRESPONSE = "nonresponse_adjusted"
NOT_BLIND = "not_blind"


def rectify(workspace: Workspace, n_rounds: int) -> str:
    """Write ``estimates.parquet`` with a row for each round, estimand, term, code and method.

    Raises EstimateRefusedError when no honest estimate can be given.
    """
    study = workspace.study
    rows = [
        row
        for number, results in answers(workspace, n_rounds, evidence.asked(workspace), study)
        for row in _rows(study.name, number, results)
    ]
    workspace.write(ESTIMATES, pd.DataFrame(rows), schema.ESTIMATES, rounds=n_rounds, asked=_asked(workspace))
    return f"{len(study.estimands)} estimands estimated after round {n_rounds}"


def answers(
    workspace: Workspace,
    n_rounds: int,
    asked: Sequence[OnFacet],
    study: Study,
    *,
    units: pd.DataFrame | None = None,
    methods: Sequence[str] = DEFAULT_METHODS,
    first_round: int = 1,
) -> Iterator[tuple[int, list[Estimate]]]:
    """The estimates after each of some rounds, from ledgers and gold alone, in the order of the questions.

    ``study`` says how they are asked, of ``units`` as the workspace has them unless they are given.
    """
    rounds = evidence.rounds(workspace, n_rounds)
    gold = evidence.gold_codes(workspace, n_rounds)
    campaign = evidence.campaign(workspace, machine_signals(workspace), asked)
    place = {each.name: position for position, each in enumerate(study.estimands)}
    question = _with_adopted(workspace, study_question(study, workspace.units if units is None else units))
    for number in range(1, n_rounds + 1):
        so_far = [[each for each in of if each.number <= number] for of in rounds]
        used = so_far[0][-1].known | so_far[0][-1].drawn
        question = _flagged(workspace, number, question)
        if number >= first_round:
            gold_so_far = [np.where(used, codes, UNKNOWN) for codes in gold]
            rows = campaign_estimates(campaign, so_far, gold_so_far, question, methods)
            yield number, sorted(rows, key=lambda row: place[row.estimand])


def _with_adopted(workspace: Workspace, question: Question) -> Question:
    """The question where some codes are from before the study: a sample among them adds to the plan."""
    n_adopted = stored.n_counted(workspace)
    if not n_adopted:
        return question
    plan = question.planned_labels
    if plan is not None and stored.is_sample(workspace):
        plan += n_adopted
    adopted = replace(question, flags=(*question.flags, "adopted_codes"), planned_labels=plan)
    return _flagged(workspace, ADOPTED, adopted)


def _flagged(workspace: Workspace, number: int, question: Question) -> Question:
    """The question with what a round adds to the flags of every estimate from then on."""
    added = {
        NONRESPONSE: bool(evidence.given_up(workspace, number)),
        NOT_BLIND: not evidence.is_blind(workspace, number),
    }
    new = [flag for flag, holds in added.items() if holds and flag not in question.flags]
    return replace(question, flags=(*question.flags, *new))


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


def study_question(study: Study, units: pd.DataFrame) -> Question:
    """What is the same for all estimates of a study."""
    return Question(
        codes=study.codebook.names,
        confidence_level=study.confidence_level,
        population=study.population,
        planned_labels=study.design.budget if study.design.stop else None,
        clusters=unit_clusters(study, units),
    )


def _rows(study_name: str, number: int, results: list[Estimate]) -> Iterator[dict[str, object]]:
    for result in results:
        row = {key.rstrip("_"): value for key, value in vars(result).items()}
        yield {"study": study_name, "round": number, **row, "flags": " ".join(result.flags)}


def as_frame(study_name: str, number: int, results: list[Estimate]) -> pd.DataFrame:
    """Estimates after one round as a table under `schema.ESTIMATES`."""
    return pd.DataFrame(list(_rows(study_name, number, results)), columns=schema.ESTIMATES.names)
