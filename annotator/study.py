"""The study: what its file may say."""

import hashlib
import json
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import (
    Field,
    PrivateAttr,
    StringConstraints,
    ValidationInfo,
    field_validator,
    model_validator,
)
from pydantic_core import PydanticCustomError

from annotator.adoption.section import AdoptedCodes, refuse_unfit
from annotator.classifiers.section import Model
from annotator.codebook import Codebook
from annotator.coders import Coding, LabelStudioCoding
from annotator.coding import code_names
from annotator.labeling.orders import n_orders
from annotator.machines import Elicited, LexiconMachine, Machine, TransformersMachine
from annotator.questions import LABEL, AgreementAsked, Asked, EstimandAsked, MeanAsked, RegressionAsked
from annotator.runner import Runner
from annotator.section import Column, Section, Slug, about, refuse_doubles


class Corpus(Section):
    """Where the texts are and which columns matter."""

    path: Annotated[str, StringConstraints(min_length=1)]
    id: Column | None = None
    image: Column | None = Field(
        None, description="a column of image files or addresses, seen beside the text"
    )
    text: Column | tuple[Column, Column] | None = Field(
        None,
        description="a column, or two columns for text pairs; none where the image is all",
        validate_default=True,
    )
    covariates: tuple[Column, ...] = ()
    cluster: Column | None = Field(None, description="what a superpopulation is a sample of")
    weight: Column | None = Field(None, description="weights of the units, for example survey weights")
    encoding: str = "utf-8-sig"
    empty_text: Literal["refuse", "drop"] = "refuse"

    @property
    def text_columns(self) -> tuple[str, ...]:
        """The text column or columns; none where units are images alone."""
        return (self.text,) if isinstance(self.text, str) else self.text or ()

    @field_validator("text")
    @classmethod
    def _units_have_content(cls, text: Any, info: ValidationInfo) -> Any:
        if text is None and info.data.get("image") is None:
            raise PydanticCustomError("missing", "Field required")
        return text

    @model_validator(mode="after")
    def _covariates_are_distinct(self) -> Self:
        refuse_doubles("covariates", list(self.covariates))
        columns = {*self.covariates, self.cluster, self.weight, self.image}
        taken = sorted({"unit_id", "text", "content_hash"} & columns)
        if taken:
            raise ValueError(
                f"a covariate, cluster, weight or image may not be called {', '.join(taken)}: "
                "rename the column"
            )
        return self


class Stop(Section):
    """Stop before the budget is spent, when an interval is narrow enough."""

    half_width: float = Field(gt=0, lt=1)
    estimand: Slug


class Training(Section):
    """The part of later rounds' budgets that goes to the texts that teach a classifier most.

    A number alone is the share.
    """

    share: float = Field(0.0, ge=0, le=0.9)
    pick: Literal["entropy", "margin", "diversity"] = "entropy"

    @model_validator(mode="before")
    @classmethod
    def _a_number_is_the_share(cls, given: Any) -> Any:
        is_number = isinstance(given, int | float) and not isinstance(given, bool)
        return {"share": given} if is_number else given


ErrorMapCandidate = Literal["table", "logistic", "boosting"]


class Design(Section):
    """How many human codes, in how many rounds."""

    rounds: int = Field(5, ge=1, le=100)
    budget: int = Field(ge=1)
    uniform_mix: float = Field(0.1, gt=0, le=1)
    error_map: tuple[ErrorMapCandidate, ...] = ("table", "logistic", "boosting")
    training: Training = Field(default_factory=lambda: Training(share=0.0))
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
    adopted: tuple[AdoptedCodes, ...] = Field((), description="human codes from before the study")
    design: Design
    runner: Runner = Field(default_factory=Runner)
    estimands: Annotated[tuple[EstimandAsked, ...], Field(min_length=1)] = (
        MeanAsked(name="prevalence", kind="mean"),
    )
    model: Model | None = Field(None, description="the classifier that `annotator train` trains")
    population: Literal["corpus", "superpopulation"] = "corpus"
    confidence_level: float = Field(0.95, ge=0.5, le=0.999)
    privacy: Literal["local_only"] | None = None
    seed: int = Field(0, ge=0, lt=2**63)
    output: Annotated[str, StringConstraints(min_length=1)] = "out/"

    _path: Path = PrivateAttr(default=Path("study.yaml"))

    @field_validator("machine")
    @classmethod
    def _annotators_are_distinct(cls, machine: tuple[Machine, ...]) -> tuple[Machine, ...]:
        refuse_doubles("machine annotators", [m.name for m in machine])
        return machine

    @model_validator(mode="after")
    def _parts_fit_together(self) -> Self:
        stop = self.design.stop
        with about("estimands"):
            refuse_doubles("estimands", [e.name for e in self.estimands])
        with about("design", "stop", "estimand"):
            if stop and stop.estimand not in {e.name for e in self.estimands}:
                raise ValueError(f"'{stop.estimand}' is not among the estimands")
        is_label_studio = isinstance(self.coding, LabelStudioCoding)
        for place, name in enumerate(self.codebook.names):
            with about("codebook", "labels", place, "name"):
                code_names.refuse_unfit(name, has_label_studio=is_label_studio)
        with about("adopted"):
            refuse_unfit(self.adopted, self.codebook, has_label_studio=is_label_studio)
        with about("model"):
            if self.model and self.corpus.text is None:
                raise ValueError("`model` is trained on texts, and corpus.text names none")
        for place, machine in enumerate(self.machine):
            with about("machine", place):
                self._refuse_unfit(machine)
        for place, asked in enumerate(self.estimands):
            with about("estimands", place):
                asked.check(self.codebook)
                self._refuse_unknown_columns(asked)
        return self

    def _refuse_unfit(self, machine: Machine) -> None:
        """Raise ValueError for a machine section that the corpus or the codebook does not go with."""
        if self.corpus.text is None and isinstance(machine, TransformersMachine | LexiconMachine):
            raise ValueError(f"machine annotator '{machine.name}' reads texts, and corpus.text names none")
        names = self.codebook.names
        if isinstance(machine, Elicited) and machine.shuffles > n_orders(len(names)):
            raise ValueError(
                f"machine annotator '{machine.name}': {len(names)} codes have only "
                f"{n_orders(len(names))} other orders, `shuffles` asks for {machine.shuffles}"
            )
        if isinstance(machine, LexiconMachine) and self.codebook.is_multilabel:
            raise ValueError(f"machine annotator '{machine.name}': a lexicon gives one code, not several")
        unknown = [code for code in _codes_named_by(machine) if code not in names]
        if unknown:
            raise ValueError(f"machine annotator '{machine.name}' names '{unknown[0]}', which is no code")

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
            *("base_url", "api_key_env", "api_key_block", "concurrency", "timeout", "attempts", "batch_size"),
            *("requests_per_minute", "tokens_per_minute", "price_in", "price_out", "max_cost"),
            *("canary", "batch"),
        }
        return self.model_dump(
            mode="json",
            include={"name", "corpus", "codebook", "machine", "seed"},
            exclude={"corpus": {"path"}, "machine": {"__all__": calling}},
            exclude_unset=True,
        )

    def digest_of_model(self, model: Model) -> str:
        """A short hash of what a classifier rests on: corpus, codebook, machines and its own section."""
        parts = [self.pinned(), model.model_dump(mode="json", exclude={"retrain"})]
        return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()[:16]

    def digest(self) -> str:
        """A short hash of the whole study file's meaning."""
        text = json.dumps(self.model_dump(mode="json"), sort_keys=True, ensure_ascii=False)
        return hashlib.sha256(text.encode()).hexdigest()[:16]


def _codes_named_by(machine: Machine) -> list[str]:
    if isinstance(machine, LexiconMachine):
        return list(machine.thresholds)
    return list(machine.labels.values()) if isinstance(machine, TransformersMachine) else []
