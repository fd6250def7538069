"""What machine sections of a study file share, and the kinds of machine annotators that need no prompt."""

from typing import Annotated, Literal, Self

from pydantic import Field, StringConstraints, model_validator

from annotator.section import Section, Slug

Text = Annotated[str, StringConstraints(min_length=1)]


class FewShot(Section):
    """Texts coded by people that the prompt shows."""

    source: Literal["codebook", "gold"]
    k: int = Field(3, ge=1, le=100)
    path: Text | None = Field(None, description="a table with the columns unit_id, text and label")

    @model_validator(mode="after")
    def _gold_has_a_path(self) -> Self:
        if (self.source == "gold") != (self.path is not None):
            raise ValueError("`path` goes with `source: gold`: gold of an earlier study")
        return self


class Translate(Section):
    """A translation model on this machine that texts go through first."""

    model: Text
    batch_size: int = Field(16, ge=1, le=4096)


class Elicited(Section):
    """How a language model is asked, and how its confidence is elicited."""

    confidence: Literal[
        "verbalized", "structured", "logprob", "self_consistency", "prompt_agreement", "none"
    ] = "verbalized"
    samples: int = Field(0, ge=0, le=100, description="sampled replies a unit; 0 asks for the likeliest")
    temperature: float = Field(0.7, gt=0, le=2, description="of sampled replies")
    shuffles: int = Field(0, ge=0, le=100, description="times the question is asked with the codes shuffled")
    paraphrases: tuple[Text, ...] = Field((), description="built-in wordings or folders of templates")
    prompts: Text | None = Field(None, description="a folder of templates in place of the built-in ones")
    few_shot: FewShot | None = None
    translate: Translate | None = None

    @model_validator(mode="after")
    def _confidence_can_be_had(self) -> Self:
        if self.samples == 1:
            raise ValueError("one sample agrees with itself: set `samples` to 2 or more, or leave it out")
        if self.confidence == "self_consistency" and not self.samples:
            raise ValueError("`confidence: self_consistency` needs `samples`, such as 5")
        if self.confidence == "prompt_agreement" and not (self.shuffles or self.paraphrases):
            raise ValueError("`confidence: prompt_agreement` needs `shuffles` or `paraphrases`")
        if self.translate and self.few_shot and self.few_shot.source == "gold":
            raise ValueError("with `translate` the examples of `few_shot` would be in another language")
        return self


class LexiconMachine(Section):
    """The sentiment lexicon VADER: a compound score from -1 to 1, cut into codes."""

    name: Slug
    kind: Literal["lexicon"]
    thresholds: dict[str, Annotated[float, Field(ge=-1, lt=1)]] = Field(
        description="for each code the lowest compound score at which it applies; the lowest is -1"
    )
    translate: Translate | None = None

    @model_validator(mode="after")
    def _scores_are_covered(self) -> Self:
        scores = sorted(self.thresholds.values())
        if len(scores) < 2 or scores[0] != -1 or len(set(scores)) < len(scores):
            raise ValueError("give each code a threshold of its own, the lowest code that of -1")
        return self
