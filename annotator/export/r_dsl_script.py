"""An R script that asks the package dsl what the study file asks."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import pandas as pd

from annotator.covariates import indicator
from annotator.export.names import distinct_names
from annotator.export.r_dsl_columns import CLUSTER, COVARIATE, NUMBER, UNIT, Key, Names, column_names
from annotator.questions import LABEL, Asked, MeanAsked, OddsRatioAsked, RegressionAsked
from annotator.study import Study

_HEAD = """\
# Questions of the study '{study}' for the R package dsl, written by annotator.
#   Egami, Hinck, Stewart, Wei (2023), Using imperfect surrogates for downstream inference, NeurIPS.
#   remotes::install_github("naoki-egami/dsl")
#
# draws.csv has {rows}.
# A row says what round `round` knew of the unit: human codes (code_...) are missing where the round neither
# drew it nor found it coded, and sample_prob is the probability that this round drew it, given all earlier
# rounds (1 if it was coded before).
{combined}#
# What holds, and what does not:
# * sample_prob is what the ledger of the study recorded before anybody was asked. Do not merge the rounds
#   into one probability: none exists, as what later rounds would have given a coded unit is not known.
# * Later rounds were designed with the codes of earlier ones. Estimates stay unbiased for any prediction
#   fixed beforehand. dsl() fits its own, cross-fitted over units; which units are coded, and so what it
#   learns from, depends on earlier codes. With many codes that matters little, but it is an approximation:
#   the study's own estimates (`--to csv`) do without it.
# * Standard errors are of a population that the corpus is a sample of. Rounds count alike; the study weighs
#   them by what they are worth.
# * Rows with a missing covariate are left out of the questions that name it.
{more}
library(dsl)

rows <- read.csv(
  "draws.csv",
  na.strings = "", fileEncoding = "UTF-8", check.names = FALSE,
  colClasses = c({texts})
)
features <- c({features})

# dsl() multiplies sample_prob by the share of labelled rows over its mean, as if it were known up to a factor
# only. Here it is known. What stands there in rows without a label is used for nothing else, so it is set to
# what makes that factor one, also where a question is about some of the rows only.
usable <- function(rows, covariates = NULL) {{
  rows <- rows[complete.cases(rows[, c("{unit}", covariates)]), ]
  labelled <- !is.na(rows${first})
  rows$sample_prob[!labelled] <- sum(1 - rows$sample_prob[labelled]) / sum(!labelled)
  rows
}}
"""
_TAKEN = ("dsl", "rows", "features", "usable", "group")  # names of the script's own
_ONE = "{n:,} rows, one a unit"
_SEVERAL = "{total:,} rows: {n:,} units, each once for every one of {rounds} rounds"
_COMBINED = """\
# The rows together average the rounds; errors are clustered, so that a unit counts once.
"""
_LOST = """\
# * Some codes of the rounds {rounds} never came. There sample_prob is multiplied by the response rate of
#   the stratum: right if codes are missing at random within strata.
"""
_NOT_FITTED = "# {name} ({kind}): nothing that dsl() fits. `annotator estimate` answers it.\n"


@dataclass(frozen=True)
class Call:
    """One call of ``dsl``: ``predicted`` columns and the covariates beside them; ``by`` splits the rows."""

    name: str
    model: str
    formula: str
    predicted: tuple[Key, ...]
    covariates: tuple[str, ...] = ()
    by: str | None = None


def script(study: Study, units: pd.DataFrame, n_rounds: int, lost: Sequence[int]) -> str:
    """The text of ``analyse.R`` for draws of ``n_rounds`` rounds, in some of which codes were lost."""
    names = column_names(study)
    size = {"n": len(units), "total": len(units) * n_rounds, "rounds": n_rounds}
    features = [names[key] for key in names if key[0] in {"says", "says_number", "confidence"}]
    head = _HEAD.format(
        study=study.name,
        rows=(_SEVERAL if n_rounds > 1 else _ONE).format(**size),
        combined=_COMBINED if n_rounds > 1 else "",
        more=_LOST.format(rounds=", ".join(map(str, lost))) if lost else "",
        texts=", ".join(f'{name} = "character"' for name in _texts(study, units, names)),
        features=", ".join(_quoted(name) for name in features),
        unit=names[UNIT],
        first=names["code", study.codebook.names[0]],
    )
    return "\n".join([head, *_questions(study, units, names)])


def _texts(study: Study, units: pd.DataFrame, names: Names) -> Iterator[str]:
    yield from (names[UNIT], names[CLUSTER])
    for column in study.corpus.covariates:
        if not pd.api.types.is_numeric_dtype(units[column]):
            yield names[COVARIATE, column]


def _questions(study: Study, units: pd.DataFrame, names: Names) -> Iterator[str]:
    calls = {asked.name: list(_calls(asked, study, units, names)) for asked in study.estimands}
    called = [call.name for of in calls.values() for call in of]
    in_r = iter(distinct_names([*_TAKEN, *called])[len(_TAKEN) :])
    for asked in study.estimands:
        if not calls[asked.name]:
            yield _NOT_FITTED.format(name=asked.name, kind=asked.model_dump()["kind"])
        for call in calls[asked.name]:
            yield _written(call, next(in_r), study, names)


def _calls(asked: Asked, study: Study, units: pd.DataFrame, names: Names) -> Iterator[Call]:
    """The models that answer a question; none where dsl has none."""
    book = study.codebook
    covariates = tuple(names[COVARIATE, name] for name in asked.columns if (COVARIATE, name) in names)
    if isinstance(asked, MeanAsked):
        right = f"0 + factor({names[COVARIATE, asked.by]})" if asked.by else "1"
        outcomes: list[Key] = (
            [NUMBER] if asked.is_of_number(book) else [("code", code) for code in book.names]
        )
        for key in outcomes:
            name = asked.name if key == NUMBER else f"{asked.name}_{key[1]}"
            yield Call(name, "lm", f"{names[key]} ~ {right}", (key,), covariates)
    elif isinstance(asked, OddsRatioAsked):
        key = ("code", asked.label)
        feature = _indicator(asked, units, names)
        yield Call(f"{asked.name}_log", "logit", f"{names[key]} ~ {feature}", (key,), covariates, asked.by)
    elif isinstance(asked, RegressionAsked) and asked.kind != "poisson":
        outcome = _keys(asked.outcome, study, is_outcome=True)
        terms = [key for name in asked.covariates for key in _keys(name, study)]
        right = " + ".join(names[key] for key in terms) or "1"
        predicted = tuple(key for key in (*outcome, *terms) if key[0] != COVARIATE)
        model = "lm" if asked.kind == "ols" else "logit"
        yield Call(asked.name, model, f"{names[outcome[0]]} ~ {right}", predicted, covariates, asked.by)


def _keys(name: str, study: Study, *, is_outcome: bool = False) -> list[Key]:
    """The columns that a name in a regression stands for; the label, as the study's regressions take it."""
    book = study.codebook
    if name in book.names:
        return [("code", name)]
    if name != LABEL:
        return [(COVARIATE, name)]
    if is_outcome or book.type == "numeric":
        return [NUMBER]
    return [("code", code) for code in (book.names if book.is_multilabel else book.names[1:])]


def _indicator(asked: OddsRatioAsked, units: pd.DataFrame, names: Names) -> str:
    """The feature of an odds ratio as a term of a formula: one value against all others."""
    column, _, value = indicator(asked.name, units, asked.feature)[0].partition("=")
    of_units = units[column]
    if pd.api.types.is_bool_dtype(of_units):
        value = str(int(value == "True"))
    is_number = pd.api.types.is_numeric_dtype(of_units)
    return f"I({names[COVARIATE, column]} == {value if is_number else _quoted(value)})"


def _written(call: Call, in_r: str, study: Study, names: Names) -> str:
    machine = study.machine[0].name
    said = [
        ("says_number", machine) if key == NUMBER else ("says", machine, key[1]) for key in call.predicted
    ]
    rows = "group" if call.by else "rows"
    data = f"usable({rows}, {_vector(call.covariates)})" if call.covariates else f"usable({rows})"
    arguments = [
        f"model = {_quoted(call.model)}",
        f"formula = {call.formula}",
        f"predicted_var = {_vector([names[key] for key in call.predicted])}",
        f"prediction = {_vector([names[key] for key in said])}",
        "feature = features",
        f"data = {data}",
        'cluster = "cluster"',
        'sample_prob = "sample_prob"',
    ]
    fit = "dsl(\n  " + ",\n  ".join(arguments) + "\n)"
    note = "# The logarithm of the odds ratio\n" if call.name.endswith("_log") else ""
    if call.by is None:
        return f"{note}{in_r} <- {fit}\nsummary({in_r})\n"
    split = f"split(rows, rows${names[COVARIATE, call.by]})"
    return f"{note}{in_r} <- lapply({split}, function(group) {fit})\nlapply({in_r}, summary)\n"


def _vector(names: Sequence[str]) -> str:
    quoted = [_quoted(name) for name in names]
    return quoted[0] if len(quoted) == 1 else f"c({', '.join(quoted)})"


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)
