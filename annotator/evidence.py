"""What a study knows of people so far, as arrays in corpus order: ledgers, gold, predictions, error maps.

Gold, predictions and maps come one for each facet of the codebook: one, unless several codes may apply to a
unit.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
import pandas as pd

from annotator import schema
from annotator.adoption import stored
from annotator.asked import Data, OnFacet
from annotator.asked import estimands as asked_estimands
from annotator.classifiers.embedder import Embedder
from annotator.facets import Facet, facets
from annotator.inference.rectify import Round
from annotator.roles import unit_weights
from annotator.sampling.campaign import Campaign, Inquiry, Part
from annotator.sampling.rounds import fit_maps
from annotator.sampling.training import Training
from annotator.seeds import generator
from annotator.study import Study
from annotator.workspace import ADOPTED, Workspace, gold, ledger, nonresponse, predictions
from models.arrays import BoolArray, FloatArray, IntArray
from models.error_map import ErrorMap
from models.signals import Signals


def campaign(workspace: Workspace, said: Sequence[Signals], asked: Sequence[OnFacet] = ()) -> Campaign:
    """The study's rounds as pure functions take them; nothing need be asked where none is opened."""
    parts = facets(workspace.study.codebook)
    by_facet = {each.facet: each.estimands for each in asked}
    others = stored.taught_labels(workspace)
    design, names = workspace.study.design, workspace.study.codebook.names
    return Campaign(
        parts=[
            Part(
                signals,
                facet.answers,
                by_facet.get(facet, []),
                None if others is None else facet.index(others),
            )
            for facet, signals in zip(parts, said, strict=True)
        ],
        across=[
            Inquiry([names.index(code) for code in facet.codes], facet.answers, estimands)
            for facet, estimands in by_facet.items()
            if facet not in parts
        ],
        uniform_mix=design.uniform_mix,
        candidates=design.error_map,
        training=Training(
            design.training.share,
            design.training.pick,
            embed=Embedder(workspace.study.path) if design.training.pick == "diversity" else None,
        ),
    )


def asked(
    workspace: Workspace, study: Study | None = None, units: pd.DataFrame | None = None
) -> list[OnFacet]:
    """What the study asks of its corpus; or another one that asks of the same units."""
    study = study or workspace.study
    units = workspace.units if units is None else units
    data = Data(
        units=units,
        codebook=study.codebook,
        weights=unit_weights(study, units),
        machine_labels=partial(_labels_of, workspace),
        folder=study.folder,
    )
    return asked_estimands(study.estimands, data)


def _labels_of(workspace: Workspace, annotator: str | None, facet: Facet) -> IntArray:
    return facet.index(workspace.machine_labels(annotator or workspace.study.machine[0].name)["label"])


def coded_before(workspace: Workspace) -> FloatArray | None:
    """(N,) the probability of having been coded before round 1, if any unit was."""
    if not stored.has_adopted(workspace):
        return None
    design = drawn_in(workspace, ADOPTED)
    return design.inclusion_probability if stored.is_sample(workspace) else design.drawn.astype(np.float64)


def gold_rows(workspace: Workspace, n_rounds: int) -> pd.DataFrame:
    """The gold of rounds 1..n_rounds and of what was adopted, one row a unit: ``unit_id, label, how``."""
    rows = [workspace.store.read_frame(gold(number)) for number in stored.numbers(workspace, n_rounds)]
    nothing: pd.DataFrame = schema.GOLD.empty_table().to_pandas()
    return pd.concat(rows, ignore_index=True) if rows else nothing


def gold_codes(workspace: Workspace, n_rounds: int) -> list[IntArray]:
    """(N,) the human code of every unit coded in rounds 1..n_rounds for each facet, -1 elsewhere."""
    labels = gold_labels(workspace, n_rounds)
    return [facet.index(labels) for facet in facets(workspace.study.codebook)]


def gold_labels(workspace: Workspace, n_rounds: int) -> pd.Series:
    """The human label of every unit coded in rounds 1..n_rounds, in corpus order, missing elsewhere.

    Adopted labels that count as gold are among them.
    """
    by_unit = gold_rows(workspace, n_rounds).set_index("unit_id")["label"]
    labels: pd.Series = by_unit.reindex(workspace.units["unit_id"]).reset_index(drop=True)
    return labels


def rounds(workspace: Workspace, n_rounds: int) -> list[list[Round]]:
    """The first ``n_rounds`` rounds as the estimator needs them, for each facet.

    Their predictions must exist. A sample drawn before the study is a round with the number 0; units that
    were otherwise coded before are known from the start.
    """
    parts = facets(workspace.study.codebook)
    known = np.zeros(len(workspace.units), dtype=bool)
    found: list[list[Round]] = [[] for _ in parts]
    for number in stored.numbers(workspace, n_rounds):
        design = drawn_in(workspace, number)
        if number == ADOPTED and not stored.is_sample(workspace):
            known |= design.drawn
            continue
        columns = workspace.store.read_frame(predictions(number))
        for facet, of_facet in zip(parts, found, strict=True):
            of_facet.append(
                Round(
                    number=number,
                    known=known.copy(),
                    inclusion_probability=design.inclusion_probability,
                    drawn=design.drawn,
                    stratum=design.stratum,
                    prediction=_probabilities(facet, columns),
                    weight=design.weight,
                    fixed_size=design.fixed_size,
                )
            )
        known |= design.drawn
    return found


def _probabilities(facet: Facet, columns: pd.DataFrame) -> FloatArray:
    """(N, A) from one column a code."""
    of_codes = columns[list(facet.codes)].to_numpy(dtype=float)
    return np.concatenate([1.0 - of_codes, of_codes], axis=1) if facet.is_set else of_codes


def prediction_columns(workspace: Workspace, probabilities: Sequence[FloatArray]) -> pd.DataFrame:
    """Probabilities (N, A) for each facet as one column a code."""
    study = workspace.study
    of_codes = [p[:, 1] for p in probabilities] if study.codebook.is_multilabel else list(probabilities[0].T)
    return pd.DataFrame(dict(zip(study.codebook.names, of_codes, strict=True)))


@dataclass(frozen=True)
class Drawn:
    """A round's ledger as (N,) arrays; NaN and stratum -1 where a unit was not eligible."""

    inclusion_probability: FloatArray
    drawn: BoolArray
    stratum: IntArray
    weight: float | None
    fixed_size: bool = True


def drawn_in(workspace: Workspace, round_number: int) -> Drawn:
    """The ledger of one round, in corpus order.

    Where the round was closed without some codes, those units count as not drawn, and the probabilities of
    their strata are multiplied by the response rate.
    """
    rows = workspace.store.read_frame(ledger(round_number))
    n_units, at = len(workspace.units), _positions(workspace, rows)
    probability = np.full(n_units, np.nan)
    drawn = np.zeros(n_units, dtype=bool)
    stratum = np.full(n_units, -1, dtype=np.int64)
    probability[at] = rows["inclusion_probability"]
    drawn[at] = rows["drawn"]
    stratum[at] = rows["stratum"]
    if workspace.store.exists(nonresponse(round_number)):
        lost = workspace.store.read_frame(nonresponse(round_number))
        drawn[_positions(workspace, lost)] = False
        for of, rate in lost[["stratum", "response_rate"]].drop_duplicates().to_numpy():
            probability[(stratum == of) | (of < 0)] *= rate
    about = workspace.store.metadata(ledger(round_number))
    weight = about.get("round_weight")
    fixed_size = bool(about.get("fixed_size", True))
    return Drawn(probability, drawn, stratum, None if weight is None else float(weight), fixed_size)


def given_up(workspace: Workspace, round_number: int) -> set[str]:
    """The drawn units whose codes are no longer waited for."""
    path = nonresponse(round_number)
    return set(workspace.store.read_frame(path)["unit_id"]) if workspace.store.exists(path) else set()


def is_blind(workspace: Workspace, round_number: int) -> bool:
    """Whether no unit that a round drew was coded with a machine label in sight, by its ledger."""
    rows = workspace.store.read_frame(ledger(round_number))
    return not (rows["drawn"] & rows["preannotated"]).any()


def design_maps(
    workspace: Workspace, said: Sequence[Signals], round_number: int
) -> tuple[ErrorMap, ...] | None:
    """The maps that design a round, one a facet; None where there is no code yet to fit them on."""
    gold = gold_codes(workspace, round_number - 1)
    if not campaign(workspace, said).has_labels(gold):
        return None
    return error_maps(workspace, said, round_number - 1)


def error_maps(workspace: Workspace, said: Sequence[Signals], n_rounds: int) -> tuple[ErrorMap, ...]:
    """The maps that design round ``n_rounds + 1``, one a facet; asked again, they are fitted the same way."""
    return fit_maps(
        campaign(workspace, said),
        gold_codes(workspace, n_rounds),
        generator(workspace.study, n_rounds + 1, "error_map"),
    )


def corpus_maps(workspace: Workspace, said: Sequence[Signals], n_rounds: int) -> tuple[ErrorMap, ...]:
    """The maps that describe the corpus: on the gold of the first ``n_rounds`` rounds, weighted by 1/pi."""
    return fit_maps(
        campaign(workspace, said),
        gold_codes(workspace, n_rounds),
        generator(workspace.study, n_rounds + 1, "error_map"),
        1.0 / drawn_with(workspace, n_rounds),
    )


def drawn_with(workspace: Workspace, n_rounds: int) -> FloatArray:
    """(N,) the inclusion probability of every drawn unit in the round that drew it, NaN elsewhere."""
    probability = np.full(len(workspace.units), np.nan)
    for number in stored.numbers(workspace, n_rounds):
        design = drawn_in(workspace, number)
        probability[design.drawn] = design.inclusion_probability[design.drawn]
    return probability


def _positions(workspace: Workspace, rows: pd.DataFrame) -> IntArray:
    return workspace.position.loc[rows["unit_id"]].to_numpy(dtype=np.int64)
