"""From the questions of a study file to estimands ready to solve on its corpus."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from annotator.codebook import Codebook
from annotator.covariates import complete, design_columns, indicator, numbers, refuse_missing
from annotator.errors import StudyError
from annotator.facets import Facet, facets, of_sets
from annotator.inference.estimands import Estimand
from annotator.inference.estimands.agreement import Agreement
from annotator.inference.estimands.contrast import Contrast
from annotator.inference.estimands.custom import Custom
from annotator.inference.estimands.mean import Mean
from annotator.inference.estimands.multinomial_logit import MultinomialLogit
from annotator.inference.estimands.odds_ratio import OddsRatio
from annotator.inference.estimands.quantile import Quantile
from annotator.inference.estimands.regression import Link, Regression
from annotator.inference.estimands.subset import Subset
from annotator.own_score import own_score
from annotator.questions import (
    LABEL,
    AgreementAsked,
    Asked,
    ContrastAsked,
    CustomAsked,
    MeanAsked,
    MultinomialLogitAsked,
    OddsRatioAsked,
    QuantileAsked,
    RegressionAsked,
)
from annotator.roles import unit_weights
from annotator.study import Study
from models.arrays import FloatArray, IntArray

MISSING_GROUP = "(missing)"
LINKS: dict[str, Link] = {"ols": "identity", "logit": "logit", "poisson": "log"}


@dataclass(frozen=True)
class Data:
    """What questions are asked of.

    Attributes
    ----------
    units : DataFrame
        The corpus, one row a unit, with its covariates.
    codebook : Codebook
    weights : (N,) array, optional
    machine_labels : callable
        Gives what the machine annotator with this name, or the first for None, answers to a facet, (N,).
    folder : Path
        Where a question's own Python file is seen from.
    everyone : DataFrame, optional
        The units of all groups, when these are those of one.
    """

    units: pd.DataFrame
    codebook: Codebook
    weights: FloatArray | None
    machine_labels: Callable[[str | None, Facet], IntArray]
    folder: Path
    everyone: pd.DataFrame | None = None

    def of(self, rows: IntArray) -> "Data":
        """The same for some units only."""
        return replace(
            self,
            units=self.units.iloc[rows].reset_index(drop=True),
            weights=None if self.weights is None else self.weights[rows],
            machine_labels=lambda name, facet: self.machine_labels(name, facet)[rows],
        )


def refuse_unanswerable(study: Study, units: pd.DataFrame) -> None:
    """Raise StudyError if the corpus lacks what the questions need, before anything is spent on it."""
    unlabelled = np.full(len(units), -1, dtype=np.int64)
    weights = unit_weights(study, units)
    estimands(study.estimands, Data(units, study.codebook, weights, lambda *_: unlabelled, study.folder))


@dataclass(frozen=True)
class OnFacet:
    """What is asked of the answers to one facet."""

    facet: Facet
    estimands: list[Estimand]


def estimands(questions: Sequence[Asked], data: Data) -> list[OnFacet]:
    """The estimands of all questions, by facet: first those of the codebook, then combinations of codes.

    A question makes one estimand for each facet it is about, and for each group where a question but a mean
    is asked ``by`` group. Raises StudyError, naming estimand and column, if the corpus cannot answer.
    """
    found: dict[Facet, list[Estimand]] = {facet: [] for facet in facets(data.codebook)}
    for asked in questions:
        for facet in _facets_of(asked, data.codebook):
            found.setdefault(facet, []).extend(_of_question(asked, data, facet))
    return [OnFacet(facet, asked) for facet, asked in found.items()]


def _facets_of(asked: Asked, codebook: Codebook) -> Sequence[Facet]:
    related = asked.codes_together(codebook) if codebook.is_multilabel else ()
    return [of_sets(related)] if related else facets(codebook)


def _of_question(asked: Asked, data: Data, facet: Facet) -> list[Estimand]:
    rows = _usable(asked, data)
    used = data.of(rows)
    is_whole = rows.size == len(data.units)
    if asked.by is None or isinstance(asked, MeanAsked | ContrastAsked):
        estimand = _built(asked, used, facet)
        return [estimand if is_whole else Subset(estimand, rows)]
    groups = _groups(used, asked.by)
    used = replace(used, everyone=used.units)
    found: list[Estimand] = []
    for g, group in enumerate(groups.categories):
        inside = np.flatnonzero(groups.codes == g)
        found.append(Subset(_built(asked, used.of(inside), facet), rows[inside], str(group)))
    return found


def _usable(asked: Asked, data: Data) -> IntArray:
    """Positions of the units that have what the question needs. Raises StudyError if it may not drop any."""
    names = [name for name in asked.columns if name in data.units.columns and name != asked.by]
    if not isinstance(asked, RegressionAsked | MultinomialLogitAsked):
        return np.arange(len(data.units))
    if asked.missing == "refuse":
        refuse_missing(asked.name, data.units, names)
        return np.arange(len(data.units))
    rows = np.flatnonzero(complete(data.units, names))
    if rows.size == 0:
        raise StudyError(f"estimand '{asked.name}': no unit has a value in each of {', '.join(names)}")
    return rows


def _built(asked: Asked, data: Data, facet: Facet) -> Estimand:
    return _BUILDERS[type(asked)](asked, data, facet)


def _mean(asked: MeanAsked, data: Data, facet: Facet) -> Estimand:
    return _mean_of(asked.name, asked.by, asked.is_of_number(data.codebook), data, facet)


def _mean_of(name: str, by: str | None, is_of_number: bool, data: Data, facet: Facet) -> Mean:
    outcomes, labels = np.array([facet.outcome(code) for code in facet.codes]), _places(facet)
    if is_of_number:
        outcomes, labels = np.array([facet.numbers]), [None]
    if by is None:
        return Mean(name, weights=data.weights, outcomes=outcomes, labels=labels)
    groups = _groups(data, by)
    names = [str(group) for group in groups.categories]
    return Mean(name, groups.codes.astype(np.int64), names, data.weights, outcomes, labels)


def _places(facet: Facet) -> list[int | None]:
    return [facet.place(code) for code in facet.codes]


def _contrast(asked: ContrastAsked, data: Data, facet: Facet) -> Estimand:
    is_of_number = asked.of == "number"
    mean = _mean_of(asked.name, asked.by, is_of_number, data, facet)
    if asked.labels is not None:
        first, second = (facet.place(label) for label in asked.labels)
        return Contrast(asked.name, mean, asked.kind, [((first, ""), (second, ""))], facet.answers)
    one, other = asked.groups or _two_groups(asked, mean)
    unknown = [group for group in (one, other) if group not in mean.group_names]
    if unknown:
        raise StudyError(
            f"estimand '{asked.name}': '{asked.by}' has no value '{unknown[0]}'",
            hint=f"It has: {', '.join(mean.group_names[:20])}",
        )
    codes = [None] if is_of_number else [facet.place(asked.label)] if asked.label else _places(facet)
    return Contrast(asked.name, mean, asked.kind, [((code, one), (code, other)) for code in codes])


def _two_groups(asked: ContrastAsked, mean: Mean) -> tuple[str, str]:
    names = [name for name in mean.group_names if name != MISSING_GROUP]
    if len(names) != 2:
        raise StudyError(
            f"estimand '{asked.name}': '{asked.by}' has {len(names)} values where two are compared",
            hint="Name the two as `groups: [first, second]`.",
        )
    return names[1], names[0]


def _regression(asked: RegressionAsked, data: Data, facet: Facet) -> Estimand:
    names = data.codebook.names
    of_units = [name for name in asked.covariates if name not in {LABEL, *names}]
    columns = design_columns(asked.name, data.units, of_units, data.everyone)
    link = LINKS[asked.kind]
    if asked.outcome in {LABEL, *names}:
        code = None if asked.outcome == LABEL else facet.place(asked.outcome)
        outcome = np.array(facet.numbers) if code is None else facet.outcome(asked.outcome)
        return Regression(
            asked.name, columns.terms, link, columns.values, outcome, weights=data.weights, label=code
        )
    is_number = data.codebook.type == "numeric"
    terms, by_code = _code_columns([c for c in asked.covariates if c not in of_units], facet, is_number)
    columns, added = columns.and_of_codes(terms, by_code)
    outcome = numbers(asked.name, data.units[asked.outcome])
    _refuse_outcome(asked, outcome)
    return Regression(
        asked.name,
        columns.terms,
        link,
        columns.values,
        outcome=outcome,
        code_covariates=added,
        weights=data.weights,
    )


def _code_columns(asked: Sequence[str], facet: Facet, is_number: bool) -> tuple[list[str], FloatArray]:
    """Covariates that only the code decides: named codes, the code's number, or all codes.

    Of codes that exclude each other the first is left out, which the others are compared with.
    """
    terms: list[str] = []
    columns: list[FloatArray] = []
    for name in asked:
        if name != LABEL:
            terms.append(name)
            columns.append(facet.outcome(name))
        elif is_number:
            terms.append(LABEL)
            columns.append(np.array(facet.numbers))
        else:
            added = facet.codes if facet.is_set else facet.codes[1:]
            terms += [f"{LABEL}={code}" for code in added]
            columns += [facet.outcome(code) for code in added]
    return terms, np.column_stack(columns)


def _refuse_outcome(asked: RegressionAsked, outcome: FloatArray) -> None:
    if asked.kind == "logit" and not np.isin(outcome, (0.0, 1.0)).all():
        raise StudyError(f"estimand '{asked.name}': the outcome '{asked.outcome}' of a logit is 0 or 1")
    if asked.kind == "poisson" and outcome.min() < 0:
        raise StudyError(f"estimand '{asked.name}': the outcome '{asked.outcome}' of a count is negative")


def _multinomial_logit(asked: MultinomialLogitAsked, data: Data, facet: Facet) -> Estimand:
    del facet
    columns = design_columns(asked.name, data.units, asked.covariates, data.everyone)
    return MultinomialLogit(asked.name, columns.terms, columns.values, data.weights)


def _odds_ratio(asked: OddsRatioAsked, data: Data, facet: Facet) -> Estimand:
    term, feature = indicator(asked.name, data.units, asked.feature)
    return OddsRatio(asked.name, facet.place(asked.label), feature, data.weights, term)


def _quantile(asked: QuantileAsked, data: Data, facet: Facet) -> Estimand:
    return Quantile(asked.name, np.array(facet.numbers), asked.q, data.weights)


def _agreement(asked: AgreementAsked, data: Data, facet: Facet) -> Estimand:
    said = data.machine_labels(asked.annotator, facet)
    if not facet.is_set:
        return Agreement(asked.name, said, asked.statistics, data.weights)
    statistics = [statistic for statistic in asked.statistics if statistic != "macro_f1"]
    return Agreement(asked.name, said, statistics, data.weights, facet.place(facet.codes[0]))


def _custom(asked: CustomAsked, data: Data, facet: Facet) -> Estimand:
    return Custom(asked.name, own_score(asked, data.units, facet.answers, data.folder), data.weights)


def _groups(data: Data, by: str) -> pd.Categorical:
    values = data.units[by].map(lambda value: MISSING_GROUP if pd.isna(value) else str(value))
    return pd.Categorical(values)


_BUILDERS: dict[type[Asked], Callable[[Any, Data, Facet], Estimand]] = {
    MeanAsked: _mean,
    ContrastAsked: _contrast,
    RegressionAsked: _regression,
    MultinomialLogitAsked: _multinomial_logit,
    OddsRatioAsked: _odds_ratio,
    QuantileAsked: _quantile,
    AgreementAsked: _agreement,
    CustomAsked: _custom,
}
