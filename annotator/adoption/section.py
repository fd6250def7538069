"""The `adopted` section of a study file: human codes from before the study, and what they may be used for."""

from collections.abc import Sequence
from typing import Annotated, Literal, Self

from pydantic import Field, StringConstraints, model_validator

from annotator import label_sets
from annotator.codebook import Codebook
from annotator.section import Column, Section

Use = Literal["known", "sample", "training"]
Word = Annotated[str, StringConstraints(min_length=1)]


class AdoptedCodes(Section):
    """Codes of one Label Studio project, one export of it, or one table."""

    project: int | None = Field(None, ge=1, description="a project of the Label Studio that `coding` names")
    file: Annotated[str, StringConstraints(min_length=1)] | None = Field(
        None, description="a JSON export of Label Studio, or a table of codes"
    )
    use: Use = Field(
        description="known: taken for true; sample: drawn with a known probability; training: for maps alone"
    )
    id: Column | None = Field(None, description="the field with the unit id; matched by text when absent")
    text: Column | None = Field(
        None, description="the field with the text; when absent the one called as in the corpus, or any"
    )
    field: Column | None = Field(None, description="the control, or the column, that holds the code")
    coder: Column | None = Field(None, description="the column that names the coder, in a table")
    labels: dict[Word, Word] = Field({}, description="what words of theirs mean, as codes of the codebook")
    probability: float | None = Field(None, gt=0, le=1, description="with which every unit was drawn")
    probability_column: Column | None = Field(None, description="the column of the corpus that has it")
    uncoded: Literal["refuse", "adjust"] = Field(
        "refuse", description="what to do about units of a sample that have no code"
    )

    @model_validator(mode="after")
    def _there_is_one_source(self) -> Self:
        if (self.project is None) == (self.file is None):
            raise ValueError("name either a `project` or a `file`")
        if self.project is not None and self.coder is not None:
            raise ValueError("`coder` names a column of a table; Label Studio knows its coders")
        return self

    @model_validator(mode="after")
    def _only_a_sample_has_probabilities(self) -> Self:
        given = [key for key in ("probability", "probability_column") if getattr(self, key) is not None]
        if self.use == "sample" and len(given) != 1:
            raise ValueError(
                "`use: sample` needs the probability with which units were drawn: `probability` or "
                "`probability_column`; where it is not known, `use: training`"
            )
        if self.use != "sample" and (given or self.uncoded != "refuse"):
            raise ValueError(f"`{given[0] if given else 'uncoded'}` goes with `use: sample`")
        return self

    @property
    def source(self) -> str:
        """Where the codes come from, in a few words."""
        return f"project {self.project}" if self.file is None else self.file

    @property
    def nameless(self) -> str:
        """The coder of codes that come without one: another in every source, and in every column of one."""
        column = f": {self.field}" if self.field else ""
        return f"unknown ({self.source}{column})"

    @property
    def draw(self) -> tuple[float | None, str | None, str]:
        """What is said of the draw of a sample."""
        return self.probability, self.probability_column, self.uncoded


def refuse_unfit(adopted: Sequence[AdoptedCodes], codebook: Codebook, *, has_label_studio: bool) -> None:
    """Raise ValueError for sections that do not go with each other or with the rest of the study."""
    codes = {*codebook.names, *([label_sets.NONE] if codebook.is_multilabel else [])}
    for place, section in enumerate(adopted):
        unknown = [code for code in section.labels.values() if code not in codes]
        if unknown:
            raise ValueError(f"adopted.{place}.labels names '{unknown[0]}', which is no code")
        if section.project is not None and not has_label_studio:
            raise ValueError(
                f"adopted.{place}: a project is looked for where `coding` is, which is no Label Studio: "
                "export it as JSON and name the `file`"
            )
    uses = {section.use for section in adopted}
    if {"known", "sample"} <= uses:
        raise ValueError(
            "adopted: beside a sample no units can be known, as what the probabilities mean depends on which "
            "came first: give the other codes `use: training`"
        )
    if len({section.draw for section in adopted if section.use == "sample"}) > 1:
        raise ValueError("adopted: what has `use: sample` is one draw, so it has one probability")
