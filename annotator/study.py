"""The study: what its file may say."""

import hashlib
import json
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import (
    BeforeValidator,
    Field,
    PrivateAttr,
    StringConstraints,
    field_validator,
    model_validator,
)

from annotator.codebook import Codebook
from annotator.provider_batch import ProviderBatch, from_switch
from annotator.questions import LABEL, AgreementAsked, Asked, EstimandAsked, MeanAsked, RegressionAsked
from annotator.runner import Runner
from annotator.section import Column, Section, Slug


class Corpus(Section):
    """Where the texts are and which columns matter."""

    path: Annotated[str, StringConstraints(min_length=1)]
    id: Column | None = None
    text: Column | tuple[Column, Column] = Field(description="a column, or two columns for text pairs")
    covariates: tuple[Column, ...] = ()
    cluster: Column | None = Field(None, description="what a superpopulation is a sample of")
    weight: Column | None = Field(None, description="weights of the units, for example survey weights")
    encoding: str = "utf-8-sig"
    empty_text: Literal["refuse", "drop"] = "refuse"

    @property
    def text_columns(self) -> tuple[str, ...]:
        """The text column or columns."""
        return (self.text,) if isinstance(self.text, str) else self.text

    @model_validator(mode="after")
    def _covariates_are_distinct(self) -> Self:
        _refuse_doubles("covariates", list(self.covariates))
        taken = sorted({"unit_id", "text", "content_hash"} & {*self.covariates, self.cluster, self.weight})
        if taken:
            raise ValueError(
                f"a covariate, cluster or weight may not be called {', '.join(taken)}: rename the column"
            )
        return self


class OpenAIMachine(Section):
    """A model behind any endpoint that speaks the OpenAI chat protocol."""

    name: Slug
    kind: Literal["openai"]
    model: Annotated[str, StringConstraints(min_length=1)]
    base_url: str | None = None
    api_key_env: str = "OPENAI_API_KEY"
    api_key_block: str | None = Field(None, min_length=1, description="Prefect's Secret block with the key")
    confidence: Literal["verbalized", "logprob", "none"] = "verbalized"
    concurrency: int = Field(16, ge=1, le=1024)
    timeout: float = Field(60.0, gt=0)
    attempts: int = Field(5, ge=1, le=20)
    price_in: float = Field(0.0, ge=0, description="money per million prompt tokens")
    price_out: float = Field(0.0, ge=0, description="money per million answer tokens")
    batch: Annotated[ProviderBatch | None, BeforeValidator(from_switch)] = Field(
        None, description="ask by the provider's batches: answers within a day, for less"
    )
    canary: int = Field(20, ge=0, le=1000, description="units asked again before every round, 0 for none")

    @property
    def price_factor(self) -> float:
        """What the labels of the corpus cost, as a share of the prices given."""
        return self.batch.price_factor if self.batch else 1.0


class TransformersMachine(Section):
    """A causal language model on this machine."""

    name: Slug
    kind: Literal["transformers"]
    model: Annotated[str, StringConstraints(min_length=1)]
    confidence: Literal["verbalized", "logprob", "none"] = "verbalized"
    batch_size: int = Field(64, ge=1, le=4096)


class ReplayMachine(Section):
    """Machine labels that stand in the corpus already."""

    name: Slug
    kind: Literal["replay"]
    label: Column
    confidence: Column | None = None


Machine = Annotated[OpenAIMachine | TransformersMachine | ReplayMachine, Field(discriminator="kind")]


class LabelStudioCoding(Section):
    """People code in Label Studio."""

    kind: Literal["label_studio"]
    url: str | None = Field(None, description="the one `annotator up` started when absent")
    overlap: float = Field(0.15, ge=0, le=1, description="share of units coded by two people")
    blind: Literal[True] = True


class ReplayCoding(Section):
    """Human codes that stand in the corpus already: for simulation."""

    kind: Literal["replay"]
    column: Column


Coding = Annotated[LabelStudioCoding | ReplayCoding, Field(discriminator="kind")]


class Stop(Section):
    """Stop before the budget is spent, when an interval is narrow enough."""

    half_width: float = Field(gt=0, lt=1)
    estimand: Slug


ErrorMapCandidate = Literal["table", "logistic", "boosting"]


class Design(Section):
    """How many human codes, in how many rounds."""

    rounds: int = Field(5, ge=1, le=100)
    budget: int = Field(ge=1)
    uniform_mix: float = Field(0.1, gt=0, le=1)
    error_map: tuple[ErrorMapCandidate, ...] = ("table", "logistic", "boosting")
    training: float = Field(
        0.0, ge=0, le=0.9, description="share of later rounds' budgets for the texts that teach a model most"
    )
    stop: Stop | None = None

    @model_validator(mode="after")
    def _every_round_has_a_unit(self) -> Self:
        if self.budget < self.rounds:
            raise ValueError(f"a budget of {self.budget} cannot fill {self.rounds} rounds")
        return self


class Study(Section):
    """A whole study file."""

    name: Slug
    corpus: Corpus
    codebook: Codebook
    machine: Annotated[tuple[Machine, ...], Field(min_length=1)]
    coding: Coding
    design: Design
    runner: Runner = Field(default_factory=Runner)
    estimands: Annotated[tuple[EstimandAsked, ...], Field(min_length=1)] = (
        MeanAsked(name="prevalence", kind="mean"),
    )
    population: Literal["corpus", "superpopulation"] = "corpus"
    confidence_level: float = Field(0.95, ge=0.5, le=0.999)
    privacy: Literal["local_only"] | None = None
    seed: int = Field(0, ge=0, lt=2**63)
    output: Annotated[str, StringConstraints(min_length=1)] = "out/"

    _path: Path = PrivateAttr(default=Path("study.yaml"))

    @field_validator("machine")
    @classmethod
    def _annotators_are_distinct(cls, machine: tuple[Machine, ...]) -> tuple[Machine, ...]:
        _refuse_doubles("machine annotators", [m.name for m in machine])
        return machine

    @model_validator(mode="after")
    def _parts_fit_together(self) -> Self:
        _refuse_doubles("estimands", [e.name for e in self.estimands])
        stop = self.design.stop
        if stop and stop.estimand not in {e.name for e in self.estimands}:
            raise ValueError(
                f"design.stop.estimand names '{stop.estimand}', which is not among the estimands"
            )
        for asked in self.estimands:
            asked.check(self.codebook)
            self._refuse_unknown_columns(asked)
        return self

    def _refuse_unknown_columns(self, asked: Asked) -> None:
        names = {LABEL, *self.codebook.names} if isinstance(asked, RegressionAsked) else set()
        both = sorted(names & {*self.corpus.covariates} & {*asked.columns})
        if both:
            raise ValueError(
                f"estimand '{asked.name}' names '{both[0]}', which is a code and a covariate: "
                "rename the column"
            )
        unknown = [c for c in asked.columns if c not in {*self.corpus.covariates, *names}]
        if unknown:
            raise ValueError(
                f"estimand '{asked.name}' names '{unknown[0]}', which is not among corpus.covariates"
                + (" and no code" if names else "")
            )
        if isinstance(asked, AgreementAsked) and asked.annotator not in {
            None,
            *(m.name for m in self.machine),
        }:
            raise ValueError(
                f"estimand '{asked.name}' names '{asked.annotator}', which is no machine annotator"
            )

    def at(self, path: Path) -> Self:
        """This study, known to have been read from ``path``."""
        self._path = path
        return self

    @property
    def path(self) -> Path:
        """The file this study was read from."""
        return self._path

    @property
    def folder(self) -> Path:
        """The folder of the study file: relative paths start here."""
        return self._path.parent

    def locate(self, path: str) -> str:
        """``path`` as an absolute path or a URL, seen from the study file."""
        return path if "://" in path else str((self.folder / path).resolve())

    def pinned(self) -> dict[str, Any]:
        """What must not change once the study has started, as plain data.

        Only keys the file sets count, so that a later release may add a key with a default. How a model
        is called (speed, prices, address) may change; which model it is may not.
        """
        calling = {
            "base_url",
            "api_key_env",
            "api_key_block",
            "concurrency",
            "timeout",
            "attempts",
            "batch_size",
            "canary",
            "batch",
        }
        return self.model_dump(
            mode="json",
            include={"name", "corpus", "codebook", "machine", "seed"},
            exclude={"corpus": {"path"}, "machine": {"__all__": calling | {"price_in", "price_out"}}},
            exclude_unset=True,
        )

    def digest(self) -> str:
        """A short hash of the whole study file's meaning."""
        text = json.dumps(self.model_dump(mode="json"), sort_keys=True, ensure_ascii=False)
        return hashlib.sha256(text.encode()).hexdigest()[:16]


def _refuse_doubles(what: str, names: list[str]) -> None:
    doubled = sorted({name for name in names if names.count(name) > 1})
    if doubled:
        raise ValueError(f"{what} need names of their own; given twice: {', '.join(doubled)}")
