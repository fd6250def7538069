"""What a study file may ask of the labels: one section for each kind of estimand."""

from collections.abc import Collection
from typing import Annotated, Any, Literal, get_args

from pydantic import Field

from annotator.codebook import Codebook
from annotator.facets import MOST_CODES_TOGETHER
from annotator.inference.estimands.agreement import STATISTICS, Statistic
from annotator.section import Column, Section, Slug

LABEL = "label"
Share = Annotated[float, Field(gt=0, lt=1)]
CodeName = Annotated[str, Field(min_length=1)]


class Asked(Section):
    """What all kinds share: the same question may be asked of every group of a covariate."""

    name: Slug
    by: Column | None = None

    @property
    def columns(self) -> tuple[str, ...]:
        """Covariates of the corpus that the question needs."""
        return (self.by,) if self.by else ()

    def check(self, codebook: Codebook) -> None:
        """Raise ValueError if the codebook cannot answer this."""

    def codes_together(self, codebook: Codebook) -> tuple[str, ...]:
        """The codes of a multilabel codebook that the question relates; none if it is asked of each."""
        del codebook
        return ()


class MeanAsked(Asked):
    """The share of the corpus that carries each code, or the mean of a numeric code."""

    kind: Literal["mean"]
    of: Annotated[
        Literal["codes", "number"] | None, Field(description="codes, unless the codebook is numeric")
    ] = None

    def is_of_number(self, codebook: Codebook) -> bool:
        """Whether one mean is asked for, not one share a code."""
        return self.of == "number" or (self.of is None and codebook.type == "numeric")

    def check(self, codebook: Codebook) -> None:
        """A mean needs numbers."""
        if self.is_of_number(codebook):
            _needs_numbers(self.name, codebook)


class ContrastAsked(Asked):
    """The difference or ratio of shares between two groups of ``by``, or of two codes."""

    kind: Literal["difference", "ratio"]
    groups: tuple[str, str] | None = Field(None, description="first, second; needed unless there are two")
    labels: tuple[CodeName, CodeName] | None = Field(None, description="compare two codes, not two groups")
    label: CodeName | None = Field(None, description="only this code")
    of: Literal["codes", "number"] = "codes"

    def check(self, codebook: Codebook) -> None:
        """Groups or codes, not both."""
        if (self.labels is None) == (self.by is None):
            raise ValueError(f"estimand '{self.name}' compares either groups (`by`) or two codes (`labels`)")
        for code in (*(self.labels or ()), *([self.label] if self.label else [])):
            _needs_code(self.name, code, codebook)
        if self.of == "number":
            _needs_numbers(self.name, codebook)

    def codes_together(self, codebook: Codebook) -> tuple[str, ...]:
        """The two that are compared, or the only one asked for."""
        return _ordered((*(self.labels or ()), *([self.label] if self.label else ())), codebook)


class RegressionAsked(Asked):
    """A regression with the label as its outcome or among its covariates.

    ``outcome`` and ``covariates`` name covariates of the corpus, codes (1 where a unit has the code), or
    ``label``: the number of a numeric code as an outcome or covariate, or every code but the first as
    covariates.
    """

    kind: Literal["ols", "logit", "poisson"]
    outcome: Column
    covariates: tuple[Column, ...] = ()
    missing: Literal["refuse", "drop"] = "refuse"

    @property
    def columns(self) -> tuple[str, ...]:
        """Every name; `check` has told which of them are codes."""
        return (self.outcome, *self.covariates, *super().columns)

    def check(self, codebook: Codebook) -> None:
        """The label takes part, on one side only."""
        of_label = {LABEL, *codebook.names}
        outcome, inside = self.outcome in of_label, [c for c in self.covariates if c in of_label]
        if outcome and inside:
            raise ValueError(
                f"estimand '{self.name}' has the label as outcome and among its covariates ({inside[0]})"
            )
        if not outcome and not inside:
            raise ValueError(
                f"estimand '{self.name}' does not involve the label: name a code, or `label`, "
                "as its outcome or among its covariates"
            )
        if self.outcome == LABEL:
            if self.kind == "logit":
                raise ValueError(f"estimand '{self.name}': the outcome of a logit is a code; name one")
            _needs_numbers(self.name, codebook)
        if len(set(self.covariates)) < len(self.covariates):
            raise ValueError(f"estimand '{self.name}' names a covariate twice")
        _refuse_too_many(self, codebook)

    def codes_together(self, codebook: Codebook) -> tuple[str, ...]:
        """The codes on either side."""
        named = {self.outcome, *self.covariates}
        return codebook.names if LABEL in named else _ordered(named, codebook)


class MultinomialLogitAsked(Asked):
    """A multinomial logit of the label on covariates: log odds of each code against the first."""

    kind: Literal["multinomial_logit"]
    covariates: tuple[Column, ...] = ()
    missing: Literal["refuse", "drop"] = "refuse"

    @property
    def columns(self) -> tuple[str, ...]:
        """The covariates and the groups."""
        return (*self.covariates, *super().columns)

    def check(self, codebook: Codebook) -> None:
        """One code for each unit."""
        if codebook.is_multilabel:
            raise ValueError(
                f"estimand '{self.name}': a multinomial logit needs codes that exclude each other; "
                "ask for a logit of each code"
            )


class OddsRatioAsked(Asked):
    """The odds of a code with a feature over those without."""

    kind: Literal["odds_ratio"]
    label: CodeName
    feature: Column = Field(description="a covariate with two values, or covariate=value")

    @property
    def columns(self) -> tuple[str, ...]:
        """The feature and the groups."""
        return (self.feature.partition("=")[0], *super().columns)

    def check(self, codebook: Codebook) -> None:
        """The code exists."""
        _needs_code(self.name, self.label, codebook)

    def codes_together(self, codebook: Codebook) -> tuple[str, ...]:
        """The code."""
        del codebook
        return (self.label,)


class QuantileAsked(Asked):
    """Quantiles of a numeric code."""

    kind: Literal["quantile"]
    q: Annotated[tuple[Share, ...], Field(min_length=1)] = (0.5,)

    def check(self, codebook: Codebook) -> None:
        """Quantiles need numbers."""
        _needs_numbers(self.name, codebook)


class AgreementAsked(Asked):
    """How often a machine annotator is right, over the whole corpus."""

    kind: Literal["agreement"]
    annotator: Slug | None = Field(None, description="the first one when absent")
    statistics: Annotated[tuple[Statistic, ...], Field(min_length=1)] = STATISTICS

    def check(self, codebook: Codebook) -> None:
        """A mean over codes needs codes that exclude each other."""
        if codebook.is_multilabel and "statistics" in self.model_fields_set and "macro_f1" in self.statistics:
            raise ValueError(
                f"estimand '{self.name}': of a multilabel codebook there is no macro_f1 here; "
                "ask for the f1 of each code"
            )


class CustomAsked(Asked):
    """An estimand of one's own: a class in a Python file beside the study file."""

    kind: Literal["custom"]
    path: Annotated[str, Field(min_length=1)]
    class_name: Annotated[str, Field(alias="class", pattern=r"^[A-Za-z_]\w*$")]
    options: dict[str, Any] = Field(default_factory=dict)
    codes: tuple[CodeName, ...] = Field((), description="of a multilabel codebook, the codes it is about")

    def check(self, codebook: Codebook) -> None:
        """Of a multilabel codebook a few codes are named."""
        for code in self.codes:
            _needs_code(self.name, code, codebook)
        if bool(self.codes) != codebook.is_multilabel:
            raise ValueError(
                f"estimand '{self.name}' needs `codes`: which of the multilabel codebook it is about"
                if codebook.is_multilabel
                else f"estimand '{self.name}': `codes` are for multilabel codebooks only"
            )
        _refuse_too_many(self, codebook)

    def codes_together(self, codebook: Codebook) -> tuple[str, ...]:
        """Those that are named."""
        return _ordered(self.codes, codebook)


EstimandAsked = Annotated[
    MeanAsked
    | ContrastAsked
    | RegressionAsked
    | MultinomialLogitAsked
    | OddsRatioAsked
    | QuantileAsked
    | AgreementAsked
    | CustomAsked,
    Field(discriminator="kind"),
]
SECTIONS: tuple[type[Asked], ...] = (
    MeanAsked,
    ContrastAsked,
    RegressionAsked,
    MultinomialLogitAsked,
    OddsRatioAsked,
    QuantileAsked,
    AgreementAsked,
    CustomAsked,
)


def kinds(section: type[Asked]) -> tuple[str, ...]:
    """What `kind` may be in a section.

    >>> kinds(RegressionAsked)
    ('ols', 'logit', 'poisson')
    """
    return get_args(section.model_fields["kind"].annotation)


def _needs_numbers(name: str, codebook: Codebook) -> None:
    if codebook.numbers is None:
        raise ValueError(
            f"estimand '{name}' needs codes that are numbers: give each code a `value`, "
            "or make the codebook ordinal or numeric"
        )


def _ordered(named: Collection[str], codebook: Codebook) -> tuple[str, ...]:
    return tuple(name for name in codebook.names if name in named)


def _refuse_too_many(asked: Asked, codebook: Codebook) -> None:
    together = asked.codes_together(codebook)
    if codebook.is_multilabel and len(together) > MOST_CODES_TOGETHER:
        raise ValueError(
            f"estimand '{asked.name}' relates {len(together)} codes of a multilabel codebook; "
            f"at most {MOST_CODES_TOGETHER} can be, since each adds as many combinations as there are"
        )


def _needs_code(name: str, code: str, codebook: Codebook) -> None:
    if code not in codebook.names:
        raise ValueError(
            f"estimand '{name}' names the code '{code}'; the codebook has {', '.join(codebook.names)}"
        )
