"""Labels from an off-the-shelf classifier on this machine: the code of its label, or of what is entailed.

Zero-shot: Yin, Hay and Roth (2019), "Benchmarking Zero-shot Text Classification". Each code becomes a
hypothesis, and a model of natural language inference says how strongly the text entails it.
"""

import math
import time
from collections.abc import Mapping, Sequence
from functools import cached_property

import numpy as np

from annotator import label_sets
from annotator.codebook import Codebook
from annotator.errors import StudyError
from annotator.folding import folded
from annotator.labeling.by_length import label_by_length
from annotator.labeling.fence import pair
from annotator.labeling.protocol import MachineLabel, Status, Unit
from annotator.labeling.reading import code_signals
from annotator.labeling.sequence_model import Scores, SequenceModel, TextOrPair
from models.arrays import FloatArray

_APPLIES = 0.5


class ClassifierAnnotator:
    """Labels in batches of similar length; confidence is the model's own probability.

    With one code a unit, the code with the highest probability is the label. In a multilabel codebook every
    code with a probability above one half applies, and the confidence is that of the whole set, as if codes
    were independent. A text longer than the model takes is cut, and has the signal ``truncated``.

    Args:
        name: the annotator's name in the table.
        model_path: a folder, or the model's id on the hub; loaded once, when first needed.
        codebook: the codes that count.
        labels: which code each label of the model stands for, where their names differ; several may stand
            for one. For zero-shot the keys are the words put into the hypothesis.
        hypothesis: for zero-shot, what the model is to judge, with ``{}`` for the label; None for a model
            that has labels of its own.
        columns: the names of the two texts of a pair.
        batch_size: texts (or hypotheses) judged together.
        device: where to run; None means the GPU if there is one, else the CPU.
    """

    def __init__(
        self,
        name: str,
        *,
        model_path: str,
        codebook: Codebook,
        labels: Mapping[str, str] | None = None,
        hypothesis: str | None = None,
        columns: tuple[str, str] | None = None,
        batch_size: int = 64,
        device: str | None = None,
    ) -> None:
        self.name = name
        self._codebook = codebook
        self._given = dict(labels or {})
        self._hypothesis = hypothesis
        self._columns = columns
        self._batch_size = batch_size
        self._model = SequenceModel(model_path, device, batch_size)

    def label(self, units: Sequence[Unit]) -> list[MachineLabel]:
        """One row a unit, in the same order.

        Raises:
            ServiceError: the model cannot be loaded.
            StudyError: its labels do not fit the codebook.
        """
        return label_by_length(units, self._batch_size, self._label_batch)

    def check(self) -> str:
        """Load the model, compare its labels with the codebook, and say where it runs.

        Raises:
            ServiceError: the model cannot be loaded.
            StudyError: its labels do not fit the codebook.
        """
        return f"{self._model.path} tells {len(self._codes)} labels apart on {self._model.device}"

    def _label_batch(self, units: Sequence[Unit]) -> list[MachineLabel]:
        started = time.perf_counter()
        texts = [self._input(unit.text.encode("utf-8", "replace").decode("utf-8")) for unit in units]
        scores = self._judge(texts) if self._hypothesis is None else self._entail(texts, self._hypothesis)
        seconds = (time.perf_counter() - started) / len(units)
        return [
            self._row(unit, probability, tokens, is_cut, seconds)
            for unit, probability, tokens, is_cut in zip(
                units, scores.values, scores.tokens.tolist(), scores.is_cut.tolist(), strict=True
            )
        ]

    def _input(self, text: str) -> TextOrPair:
        if self._columns is None:
            return text
        return pair(text, self._columns) or (text, "")

    def _judge(self, texts: Sequence[TextOrPair]) -> Scores:
        """The probability of each of the model's labels, (units, labels)."""
        scores = self._model.logits(texts)
        return scores.with_values(_sigmoid(scores.values) if self._is_many else _softmax(scores.values))

    def _entail(self, texts: Sequence[TextOrPair], hypothesis: str) -> Scores:
        """The probability of each hypothesis, (units, labels)."""
        plain = [text if isinstance(text, str) else "\n".join(text).strip() for text in texts]
        pairs = [(text, hypothesis.replace("{}", label)) for text in plain for label in self._codes]
        scores = self._model.logits(pairs).grouped(len(self._codes))
        entailed = scores.values[:, :, self._place_of("entail")]
        if not self._is_many:
            return scores.with_values(_softmax(entailed))
        against = scores.values[:, :, self._place_of("contra")]
        return scores.with_values(_sigmoid(entailed - against))

    def _row(
        self, unit: Unit, probability: FloatArray, tokens: int, is_cut: bool, seconds: float
    ) -> MachineLabel:
        codes = self._by_code(probability)
        label, confidence = self._decide(codes, probability)
        status: Status = "ok" if label is not None else "off_codebook"
        said = ", ".join(f"{name} {value:.4f}" for name, value in zip(self._codes, probability, strict=True))
        return MachineLabel(
            unit_id=unit.unit_id,
            annotator=self.name,
            label=label,
            confidence=confidence,
            logprob=None,
            status=status,
            raw=said,
            prompt_hash=None,
            tokens_in=tokens,
            tokens_out=0,
            cost=0.0,
            seconds=seconds,
            attempts=1,
            signals={**code_signals(codes), "truncated": float(is_cut)},
        )

    def _by_code(self, probability: FloatArray) -> dict[str, float]:
        """The probability of each code that the model has a label for."""
        found: dict[str, float] = {}
        for code, value in zip(self._codes.values(), probability.tolist(), strict=True):
            if code is not None:
                together = max(found.get(code, 0.0), value) if self._is_many else found.get(code, 0.0) + value
                found[code] = min(together, 1.0)
        return found

    def _decide(self, codes: Mapping[str, float], probability: FloatArray) -> tuple[str | None, float | None]:
        """The label and its probability; None where the model prefers a label that is no code."""
        if self._codebook.is_multilabel:
            chosen = {name for name, value in codes.items() if value > _APPLIES}
            sure = math.prod(max(value, 1.0 - value) for value in codes.values())
            return label_sets.join(chosen, self._codebook.names), sure
        others = [
            v for code, v in zip(self._codes.values(), probability.tolist(), strict=True) if code is None
        ]
        highest = max([*codes.values(), *others])
        best = [name for name, value in codes.items() if value == highest]
        return (best[0], highest) if len(best) == 1 and highest not in others else (None, None)

    @property
    def _is_many(self) -> bool:
        """Whether labels do not exclude each other."""
        return self._codebook.is_multilabel or (self._hypothesis is None and self._model.is_multilabel)

    @cached_property
    def _codes(self) -> dict[str, str | None]:
        """Which code each label stands for, in the model's order. Raises StudyError."""
        if self._hypothesis is not None:
            named = {*self._given.values()}
            own = {name: name for name in self._codebook.names if name not in named}
            return {**self._given, **own}
        labels = self._model.labels
        unknown = [label for label in self._given if label not in labels]
        codes = {label: self._given.get(label, self._spelt(label)) for label in labels}
        if unknown or not any(codes.values()):
            problem = f"it has no label '{unknown[0]}'" if unknown else "none of its labels is a code"
            raise StudyError(
                f"machine annotator {self.name}: {problem}; the model's labels are {', '.join(labels)}",
                hint="Say under `labels` which code each of them stands for, as {label: code}.",
            )
        return codes

    def _spelt(self, label: str) -> str | None:
        wanted = folded(label)
        return next((name for name in self._codebook.names if folded(name) == wanted), None)

    def _place_of(self, start: str) -> int:
        """Where a label of a model of inference stands."""
        places = [place for place, each in enumerate(self._model.labels) if each.lower().startswith(start)]
        if len(places) != 1:
            raise StudyError(
                f"machine annotator {self.name}: {self._model.path} is no model of natural language "
                f"inference; its labels are {', '.join(self._model.labels)}",
                hint="Zero-shot classification needs one that tells entailment and contradiction.",
            )
        return places[0]


def _softmax(logits: FloatArray) -> FloatArray:
    exponential: FloatArray = np.exp(logits - logits.max(axis=-1, keepdims=True))
    probability: FloatArray = exponential / exponential.sum(axis=-1, keepdims=True)
    return probability


def _sigmoid(logits: FloatArray) -> FloatArray:
    probability: FloatArray = 0.5 * (1.0 + np.tanh(0.5 * logits))
    return probability
