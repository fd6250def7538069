"""`annotator estimate`: new questions asked of the ledger and the gold that are there, without new labels."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from annotator import corpus, evidence, study_file
from annotator.errors import StudyError
from annotator.inference.methods import DEFAULT_METHODS, METHODS
from annotator.stages.rectify import answers, as_frame
from annotator.state import n_closed_rounds
from annotator.study import Study
from annotator.workspace import Workspace


@dataclass(frozen=True)
class Request:
    """What to estimate; ``None`` means as the study file says, or after the last closed round."""

    questions: Path | None = None
    methods: Sequence[str] = DEFAULT_METHODS
    n_rounds: int | None = None


def ask(workspace: Workspace, request: Request) -> pd.DataFrame:
    """The estimates, with the columns of `schema.ESTIMATES`. Nothing is written.

    Raises StudyError for questions the corpus cannot answer, EstimateRefusedError where no honest estimate
    can be given: unknown probabilities, codes outside the ledger, a method this ledger was not drawn for.
    """
    closed = n_closed_rounds(workspace)
    n_rounds = closed if request.n_rounds is None else request.n_rounds
    if not 1 <= n_rounds <= closed:
        raise StudyError(
            f"there is no estimate after round {n_rounds}: {closed} rounds are closed"
            if closed
            else "there is nothing to estimate from yet: no round is closed",
            hint="Let people code first: annotator advance." if not closed else f"Choose from 1 to {closed}.",
        )
    if not request.methods:
        raise StudyError("no method is named", hint=f"Choose from: {', '.join(METHODS)}.")
    study = workspace.study
    if request.questions is not None:
        study = study_file.read_questions(request.questions, study)
    units = _units(workspace, study)
    results = answers(
        workspace,
        n_rounds,
        evidence.asked(workspace, study, units),
        study,
        units=units,
        methods=request.methods,
        first_round=n_rounds,
    )
    return pd.concat([as_frame(study.name, number, rows) for number, rows in results], ignore_index=True)


def _units(workspace: Workspace, study: Study) -> pd.DataFrame:
    """The units as ingested, with further columns read from the corpus where new questions need them."""
    more = [name for name in study.corpus.covariates if name not in workspace.units.columns]
    if not more:
        return workspace.units
    now = corpus.read(study).units.set_index("unit_id")
    known = workspace.units
    unknown = known["unit_id"][~known["unit_id"].isin(now.index)]
    if not unknown.empty:
        raise StudyError(
            f"{study.corpus.path} no longer holds {len(unknown)} of the study's units, "
            f"first {unknown.iloc[0]}: '{more[0]}' cannot be read from it",
            hint="Ask with the corpus that the study started with.",
        )
    return known.assign(**{name: now.loc[known["unit_id"], name].to_numpy() for name in more})
