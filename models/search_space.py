"""Which settings of a classifier are worth searching, and where."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import optuna


@dataclass(frozen=True)
class Choice:
    """One of some values."""

    values: tuple[Any, ...]

    def suggest(self, trial: optuna.Trial, name: str) -> Any:
        """The value that a trial takes."""
        return trial.suggest_categorical(name, self.values)


@dataclass(frozen=True)
class Between:
    """A number from ``low`` to ``high``, both included; on the log scale if ``log``.

    Whole if both ends are.
    """

    low: float
    high: float
    log: bool = False

    def suggest(self, trial: optuna.Trial, name: str) -> int | float:
        """The value that a trial takes."""
        if isinstance(self.low, int) and isinstance(self.high, int):
            return trial.suggest_int(name, self.low, self.high, log=self.log)
        return trial.suggest_float(name, self.low, self.high, log=self.log)


Space = Mapping[str, Choice | Between]

ENCODER_SPACE: Space = {
    "learning_rate": Between(1e-5, 2e-3, log=True),
    "batch_size": Choice((8, 16, 32)),
    "epochs": Between(3, 12),
    "weight_decay": Between(1e-3, 0.1, log=True),
    "warmup": Between(0.0, 0.2),
}
SPACES: Mapping[str, Space] = {
    "encoder": ENCODER_SPACE,
    "count_logistic": {
        "c": Between(1e-3, 1e2, log=True),
        "ngrams": Between(1, 3),
        "min_count": Between(1, 3),
    },
    "tfidf_logistic": {
        "c": Between(1e-2, 1e3, log=True),
        "ngrams": Between(1, 3),
        "min_count": Between(1, 3),
    },
    "linear_svm": {"c": Between(1e-3, 1e2, log=True), "ngrams": Between(1, 3), "min_count": Between(1, 3)},
    "random_forest": {"trees": Between(100, 500), "ngrams": Between(1, 2), "min_count": Between(1, 3)},
    "gradient_boosting": {"trees": Between(30, 300, log=True), "max_features": Choice((200, 500, 1000))},
    "embeddings_logistic": {"c": Between(1e-4, 1e1, log=True)},
}
LORA_SPACE: Space = {
    **ENCODER_SPACE,
    "learning_rate": Between(5e-5, 1e-2, log=True),
    "lora_rank": Choice((4, 8, 16, 32)),
}


def space_of(kind: str, settings: Mapping[str, Any] | None = None) -> Space:
    """What is worth searching for a kind of classifier; empty where there is nothing to set."""
    if kind == "encoder" and (settings or {}).get("method") == "lora":
        return LORA_SPACE
    return SPACES.get(kind, {})
