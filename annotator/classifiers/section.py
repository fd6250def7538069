"""The `model` section of a study file: the classifier to train on the human codes."""

from typing import Any, Literal, Self

from pydantic import Field, model_validator

from annotator.section import Section

Baseline = Literal[
    "majority",
    "count_logistic",
    "tfidf_logistic",
    "linear_svm",
    "random_forest",
    "gradient_boosting",
    "embeddings_logistic",
    "vader",
]
Kind = Literal[Baseline, "encoder"]


class Model(Section):
    """An encoder that is fine-tuned, or a baseline."""

    kind: Kind = "encoder"
    base: str | None = Field(
        default=None, description="of an encoder: folder or hub id; the small shipped one if absent"
    )
    method: Literal["full", "lora", "prompt"] | None = Field(
        default=None, description="of an encoder: full if absent"
    )
    settings: dict[str, Any] = Field(
        default_factory=dict, description="for example epochs, learning_rate, lora_rank, class_weight"
    )

    retrain: bool = Field(
        default=True,
        description="whether it is trained after every round, and used by the next if it is good",
    )

    @model_validator(mode="after")
    def _an_encoder_has_a_base(self) -> Self:
        if self.method is not None and self.kind != "encoder":
            raise ValueError(f"`method` is of an encoder; {self.kind} has none")
        if self.base is not None and self.kind not in {"encoder", "embeddings_logistic"}:
            raise ValueError(f"`base` is of an encoder; {self.kind} has none")
        return self
