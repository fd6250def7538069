"""The machine sections of a study file: the kinds of machine annotators, and what they share."""

from typing import Annotated, Literal, Self

from pydantic import BeforeValidator, Field, StringConstraints, model_validator

from annotator.provider_batch import ProviderBatch, from_switch
from annotator.section import Column, Section, Slug

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


class OpenAIMachine(Elicited):
    """A model behind any endpoint that speaks the OpenAI chat protocol."""

    name: Slug
    kind: Literal["openai"]
    model: Annotated[str, StringConstraints(min_length=1)]
    base_url: str | None = None
    api_key_env: str = "OPENAI_API_KEY"
    api_key_block: str | None = Field(None, min_length=1, description="Prefect's Secret block with the key")
    logprobs: bool = Field(False, description="ask for token probabilities whatever the confidence is")
    concurrency: int = Field(16, ge=1, le=1024)
    requests_per_minute: float | None = Field(None, gt=0)
    tokens_per_minute: float | None = Field(None, gt=0, description="of prompts and answers together")
    timeout: float = Field(60.0, gt=0)
    attempts: int = Field(5, ge=1, le=20)
    price_in: float = Field(0.0, ge=0, description="money per million prompt tokens")
    price_out: float = Field(0.0, ge=0, description="money per million answer tokens")
    max_cost: float | None = Field(None, gt=0, description="money this annotator may cost, at most")
    batch: Annotated[ProviderBatch | None, BeforeValidator(from_switch)] = Field(
        None, description="ask by the provider's batches: answers within a day, for less"
    )
    canary: int = Field(20, ge=0, le=1000, description="units asked again before every round, 0 for none")

    @model_validator(mode="after")
    def _a_cap_needs_prices(self) -> Self:
        if self.max_cost is not None and not (self.price_in or self.price_out):
            raise ValueError("max_cost needs price_in and price_out, the money per million tokens")
        if self.max_cost is not None and self.batch is not None:
            raise ValueError("max_cost cannot be kept with `batch`: a batch is paid for as a whole")
        if self.translate is not None and self.batch is not None:
            raise ValueError(
                "`batch` asks about the texts as they are: leave out `translate`, or translate first"
            )
        return self

    @property
    def price_factor(self) -> float:
        """What the labels of the corpus cost, as a share of the prices given."""
        return self.batch.price_factor if self.batch else 1.0


class TransformersMachine(Elicited):
    """A model on this machine: a causal language model, or a classifier."""

    name: Slug
    kind: Literal["transformers"]
    model: Annotated[str, StringConstraints(min_length=1)]
    task: Literal["text-generation", "text-classification", "zero-shot-classification"] = "text-generation"
    labels: dict[str, str] = Field(
        {}, description="what a classifier calls its labels, and which code each is"
    )
    hypothesis: str = Field("This example is {}.", description="what a zero-shot classifier is to judge")
    batch_size: int = Field(64, ge=1, le=4096)

    @model_validator(mode="after")
    def _keys_fit_the_task(self) -> Self:
        of_generation = {*Elicited.model_fields} - {"translate"}
        of_classifiers = {"labels", "hypothesis"}
        idle = sorted(self.model_fields_set & (of_classifiers if self.is_causal else of_generation))
        if idle:
            raise ValueError(f"`{idle[0]}` says nothing with `task: {self.task}`")
        if "{}" not in self.hypothesis:
            raise ValueError("`hypothesis` needs {} where the label stands")
        return self

    @property
    def is_causal(self) -> bool:
        """Whether the model writes text, so that it can be asked."""
        return self.task == "text-generation"


class ReplayMachine(Section):
    """Machine labels that stand in the corpus already."""

    name: Slug
    kind: Literal["replay"]
    label: Column
    confidence: Column | None = None

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns of the corpus that are replayed."""
        return tuple(filter(None, (self.label, self.confidence)))


Machine = Annotated[
    OpenAIMachine | TransformersMachine | LexiconMachine | ReplayMachine, Field(discriminator="kind")
]
