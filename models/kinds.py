"""Every kind of classifier by its name."""

from collections.abc import Mapping
from typing import Any

from models.baseline_config import BaselineConfig
from models.baseline_pipelines import PIPELINES
from models.baselines import Baseline
from models.classifier import Classifier
from models.encoder import EncoderClassifier
from models.encoder_config import EncoderConfig
from models.errors import CannotFitError
from models.given import GivenPredictions
from models.label_map import LabelMap
from models.vader import Vader

KINDS = (*PIPELINES, Vader.kind, EncoderClassifier.kind)
"""The kinds that learn or judge by themselves; ``given`` needs predictions."""


def make(kind: str, label_map: LabelMap, settings: Mapping[str, Any] | None = None) -> Classifier:
    """A classifier of a kind that has learnt nothing yet.

    ``settings`` are those of `EncoderConfig` for ``encoder``, of `BaselineConfig` for a baseline,
    ``sentiment`` for ``vader``.

    Raises
    ------
    CannotFitError
        No such kind, or a setting that it does not have.

    >>> make("tfidf_logistic", LabelMap(("no", "yes"), "binary"), {"c": 10}).settings["c"]
    10
    """
    settings = dict(settings or {})
    try:
        if kind in PIPELINES:
            return Baseline(kind, label_map, BaselineConfig(**settings))
        if kind == EncoderClassifier.kind:
            return EncoderClassifier(label_map, EncoderConfig(**settings))
        if kind == Vader.kind:
            return Vader(label_map, **settings)
        if kind == GivenPredictions.kind:
            return GivenPredictions(label_map)
    except TypeError as error:
        raise CannotFitError(f"a setting that {kind} does not have, or not of this type: {error}") from error
    raise CannotFitError(f"there is no classifier {kind!r}; there are: {', '.join(KINDS)}")
