"""Part of the stage `adopt`: a draw that others made, as a round of its own before the first."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from annotator import corpus, evidence, schema
from annotator.adoption.adopting import Adopted
from annotator.adoption.section import AdoptedCodes
from annotator.errors import StudyError
from annotator.facets import facets
from annotator.machine_signals import machine_signals
from annotator.sampling.design import Design
from annotator.sampling.given import equal_draw, refuse_unlikely, unequal_draw
from annotator.sampling.rounds import predict_round
from annotator.seeds import generator, stream_seed
from annotator.stages.give_up import ALL_STRATA
from annotator.study import Study
from annotator.workspace import ADOPTED as ROUND
from annotator.workspace import Workspace, nonresponse, predictions
from models.arrays import BoolArray, FloatArray


@dataclass(frozen=True)
class Sample:
    """A draw from before the study; ``fixed_size`` says whether it is one within each fold."""

    design: Design
    fixed_size: bool


def sample_of(workspace: Workspace, found: Adopted) -> Sample | None:
    """The sample, if the study adopts one. Raises StudyError as `drawn_before` does."""
    section = _section(workspace.study)
    if section is None:
        return None
    drawn, probability = drawn_before(workspace.study, section, found, workspace.units)
    rng = np.random.default_rng(stream_seed(workspace.study, ROUND, "draw"))
    if section.probability is not None:
        return Sample(equal_draw(drawn, rng), fixed_size=True)
    return Sample(unequal_draw(drawn, probability, rng), fixed_size=False)


def refuse_unfit(study: Study, found: Adopted, units: pd.DataFrame) -> None:
    """Raise StudyError if the study adopts a sample that is not what its section says."""
    section = _section(study)
    if section is not None:
        drawn_before(study, section, found, units)


def _section(study: Study) -> AdoptedCodes | None:
    """What the study file says of the draw; sections of one sample say the same."""
    return next((each for each in study.adopted if each.use == "sample"), None)


def drawn_before(
    study: Study, section: AdoptedCodes, found: Adopted, units: pd.DataFrame
) -> tuple[BoolArray, FloatArray]:
    """(N,) which units of the corpus others drew, and (N,) with which probability.

    Raises StudyError if units lack a code, or the stated probabilities do not fit.
    """
    coded = found.codes["sample"].dropna(subset=["label"])["unit_id"]
    if coded.empty:
        raise StudyError(f"adopted {section.source}: no unit of the sample has a code in this corpus")
    if found.lacking and section.uncoded == "refuse":
        raise StudyError(
            f"adopted {section.source}: {len(found.lacking)} drawn units have no usable code, "
            f"first {found.lacking[0]}",
            hint="Have them coded; or `uncoded: adjust` takes those with a code for a random part of the "
            "sample; or `use: training`. `annotator adopt` shows what is wrong with them.",
        )
    n_lost = sum(each.n_lost for each in found.sources if each.section.use == "sample")
    if n_lost and section.uncoded == "refuse":
        raise StudyError(
            f"adopted {section.source}: {n_lost} tasks or rows are no certain unit of this corpus",
            hint="`annotator adopt` shows why. Where the sample was drawn from more than this corpus, leave "
            "them out by `uncoded: adjust`.",
        )
    drawn: BoolArray = units["unit_id"].isin([*coded, *found.lacking]).to_numpy()
    probability = _probability(study, section, units)
    refuse_unlikely(drawn, probability)
    return drawn, probability


def _probability(study: Study, section: AdoptedCodes, units: pd.DataFrame) -> FloatArray:
    """(N,) what the study file says of the draw. Raises StudyError for what is no probability."""
    if section.probability is not None:
        return np.full(len(units), section.probability)
    column = str(section.probability_column)
    read = corpus.read(study, [column]).units.set_index("unit_id")[column]
    values = pd.to_numeric(read, errors="coerce").reindex(units["unit_id"]).to_numpy(dtype=float)
    with np.errstate(invalid="ignore"):
        wrong = ~((values > 0) & (values <= 1))
    if wrong.any():
        raise StudyError(
            f"adopted {section.source}: '{column}' is no probability above 0 and up to 1 for "
            f"{int(wrong.sum())} units, first {units['unit_id'].iloc[int(wrong.argmax())]}",
            hint="Every unit of the corpus needs the probability that it had of being drawn. Units that had "
            "none cannot be spoken for by this sample: `use: training`.",
        )
    return values


def leave_out(workspace: Workspace, lacking: Sequence[str], n_coded: int) -> None:
    """Units of the sample without a code: those with one stand for them, as in a round closed early."""
    rate = n_coded / max(n_coded + len(lacking), 1)
    rows = pd.DataFrame(
        {
            "unit_id": list(lacking),
            "stratum": ALL_STRATA,
            "reason": "no usable code",
            "response_rate": rate,
        }
    )
    workspace.write(nonresponse(ROUND), rows, schema.NONRESPONSE, round=ROUND)


def predict(workspace: Workspace, sample: Sample, counted: pd.DataFrame) -> None:
    """Keep the probabilities that the sample's own estimate uses, cross-fitted over its folds."""
    new = workspace.units["unit_id"].map(dict(zip(counted["unit_id"], counted["label"], strict=True)))
    campaign = evidence.campaign(workspace, machine_signals(workspace))
    probabilities = predict_round(
        campaign,
        [facet.index(new) for facet in facets(workspace.study.codebook)],
        fold=sample.design.stratum,
        error_maps=None,
        rng=generator(workspace.study, ROUND, "cross_fit"),
    )
    rows = evidence.prediction_columns(workspace, probabilities)
    rows.insert(0, "unit_id", workspace.units["unit_id"])
    workspace.write(
        predictions(ROUND),
        rows,
        schema.predictions(workspace.study.codebook.names),
        round=ROUND,
        error_map="cross-fitted over the folds of the sample",
    )
