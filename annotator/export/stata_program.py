"""A Stata program that shows what rectified labels are for."""

from collections.abc import Iterator

import pandas as pd

from annotator.export.stata_table import StataTable
from annotator.questions import RegressionAsked
from annotator.study import Study

_HEAD = """\
* Reads the tables of the study '{study}', written by annotator.
* What each variable is stands in its label, and in variables.csv.
*
* A rectified label takes the place of the human code as the OUTCOME of a linear regression: coefficients
* are then unbiased for those that codes of all units would give, and robust standard errors count how units
* were drawn. They are of a population the corpus is a sample of, and large-sample: the study's own intervals
* (estimates.dta) are narrower where the corpus is all there is, and more careful with few codes.
*
* As a regressor a rectified label gives WRONG coefficients, and logit wants 0 or 1: ask such questions with
* `annotator estimate`. Never use prediction, machine labels or gold alone in its place.

version 14
use "labels.dta", clear
describe
"""


def program(study: Study, labels: StataTable) -> str:
    """The text of ``analyse.do``: the share of each code, and the linear regressions of the study file."""
    return "\n".join([_HEAD.format(study=study.name), *_regressions(study, labels)])


def _regressions(study: Study, labels: StataTable) -> Iterator[str]:
    options = _options(study, labels)
    outcome = {code: labels.names[f"rectified_{code}"] for code in study.codebook.names}
    for code in study.codebook.names:
        yield f"* The share of {code}\nregress {outcome[code]}{options}\n"
    for asked in study.estimands:
        if not isinstance(asked, RegressionAsked) or asked.kind != "ols" or asked.outcome not in outcome:
            continue
        terms = [_term(labels, column) for column in asked.covariates]
        if None not in terms:
            said = " ".join(["regress", outcome[asked.outcome], *map(str, terms)])
            yield f"* {asked.name}\n{_prefix(asked, labels)}{said}{options}\n"


def _term(labels: StataTable, column: str) -> str | None:
    """A covariate as regressor: numbers as they are, values with labels as indicators; None for mere text."""
    name = labels.names[column]
    if name in labels.value_labels:
        return f"i.{name}"
    return name if pd.api.types.is_numeric_dtype(labels.frame[name]) else None


def _prefix(asked: RegressionAsked, labels: StataTable) -> str:
    return f"bysort {labels.names[asked.by]}: " if asked.by else ""


def _options(study: Study, labels: StataTable) -> str:
    corpus = study.corpus
    weight = f" [pweight = {labels.names[corpus.weight]}]" if corpus.weight else ""
    errors = f"cluster {labels.names[corpus.cluster]}" if corpus.cluster else "robust"
    return f"{weight}, vce({errors})"
