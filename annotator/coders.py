"""The `coding` section of a study file: where people code, what they see, and how their codes become gold."""

from typing import Annotated, Any, Literal, Self

from pydantic import BeforeValidator, Field, StringConstraints, model_validator

from annotator.section import Column, Section, refuse_doubles

HttpAddress = Annotated[str, StringConstraints(pattern=r"^https?://[^\s/]+(/\S*)?$")]
Reason = Annotated[str, StringConstraints(min_length=1, max_length=80, strip_whitespace=True)]


class Gold(Section):
    """How the codes of several people become one label a unit; the codes of ``experts`` settle theirs.

    Experts are found among the coders whatever the case of their names.

    With ``adjudicate`` what is left of disagreements goes to an adjudicator before a round is closed.
    """

    rule: Literal["majority", "dawid_skene", "expert"] = "majority"
    experts: tuple[Column, ...] = ()
    adjudicate: bool = False

    @model_validator(mode="after")
    def _experts_fit_the_rule(self) -> Self:
        refuse_doubles("experts", [expert.casefold() for expert in self.experts])
        if self.rule == "expert" and not self.experts:
            raise ValueError("the rule `expert` needs `experts`: the coders whose codes win")
        if self.rule == "majority" and self.experts:
            raise ValueError("the rule `majority` has no experts: choose `expert` or `dawid_skene`")
        return self


class Overlap(Section):
    """Which part of the units is coded by more than one person, and by how many.

    >>> Overlap(share=0.2, coders=3).n_more(100)
    40
    """

    share: float = Field(ge=0, le=1)
    coders: int = Field(default=2, ge=2, le=20)

    def n_doubled(self, n_units: int) -> int:
        """How many of the units are coded by all of ``coders``."""
        return round(self.share * n_units)

    def n_more(self, n_units: int) -> int:
        """How many codes come on top of one a unit."""
        return (self.coders - 1) * self.n_doubled(n_units)


def _a_number_is_a_share(given: Any) -> Any:
    if isinstance(given, int | float) and not isinstance(given, bool):
        return {"share": given}
    if not isinstance(given, dict | Overlap):
        raise ValueError("expected a share such as 0.15, or {share: 0.15, coders: 3}")
    return given


Overlapping = Annotated[Overlap, BeforeValidator(_a_number_is_a_share)]
"""A plain number means two coders."""


class LabelStudioCoding(Section):
    """People code in Label Studio."""

    kind: Literal["label_studio"]
    url: str | None = Field(None, description="the one `annotator up` started when absent")
    overlap: Overlapping = Field(
        Overlap(share=0.15), description="share of units coded by two people, or that share and by how many"
    )
    gold: Gold = Field(default_factory=Gold)
    blind: bool = Field(True, description="false shows coders the first machine annotator's label")
    anchoring: float = Field(
        0.0,
        ge=0,
        le=0.5,
        description="share of units shown with that label in a blind study, to measure its pull",
    )
    cannot_code: tuple[Reason, ...] = Field((), description="reasons a coder may give for giving no code")
    note: bool = Field(False, description="room for a note beside the codes")
    content_warning: str = Field("", description="shown to coders before anything else")
    break_after: int | None = Field(None, ge=1, description="minutes")
    daily_limit: int | None = Field(None, ge=1, description="texts a coder a day")
    webhook: HttpAddress | None = Field(
        None,
        description="where Label Studio reports new codes: an `annotator listen` elsewhere",
    )

    @model_validator(mode="after")
    def _reasons_are_distinct(self) -> Self:
        refuse_doubles("reasons under cannot_code", list(self.cannot_code))
        return self

    @model_validator(mode="after")
    def _an_arm_needs_another(self) -> Self:
        if self.anchoring and not self.blind:
            raise ValueError("`anchoring` compares with units coded blind: leave `blind` true")
        return self

    @model_validator(mode="after")
    def _somebody_can_disagree(self) -> Self:
        if self.gold.adjudicate and not self.overlap.share:
            raise ValueError(
                "`gold.adjudicate` needs an `overlap` above 0: units that are coded once show no disagreement"
            )
        return self

    @property
    def shown(self) -> float:
        """Share of units that coders see with a machine label."""
        return self.anchoring if self.blind else 1.0


class ReplayCoding(Section):
    """Human codes that stand in the corpus already: for simulation."""

    kind: Literal["replay"]
    column: Column
    second: Column | None = Field(None, description="what a second coder said")
    overlap: Overlapping = Field(
        Overlap(share=0.0), description="share of units that the second coder codes too"
    )
    adjudicator: Column | None = Field(None, description="what an adjudicator says where the two disagree")
    gold: Gold = Field(default_factory=Gold)

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns of the corpus that are replayed."""
        return tuple(filter(None, (self.column, self.second, self.adjudicator)))

    @model_validator(mode="after")
    def _the_second_coder_codes(self) -> Self:
        if self.overlap.coders > 2:
            raise ValueError("replayed codes have two coders at most")
        if (self.second is not None) != (self.overlap.share > 0):
            raise ValueError(
                "`second` and `overlap` go together: whose codes, and for which share of the units"
            )
        return self

    @model_validator(mode="after")
    def _adjudication_can_be_replayed(self) -> Self:
        if self.gold.adjudicate and (self.second is None or self.adjudicator is None):
            raise ValueError(
                "replayed codes can be adjudicated only where the corpus has columns of a `second` coder and "
                "of an `adjudicator`: name both, with an `overlap`"
            )
        if self.adjudicator is not None and not self.gold.adjudicate:
            raise ValueError("an `adjudicator` is asked only with `gold: {adjudicate: true}`")
        return self


Coding = Annotated[LabelStudioCoding | ReplayCoding, Field(discriminator="kind")]
