"""A sequence classification model on this machine: texts or pairs in, one logit a label out."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np

from annotator.labeling.loading import load_model, load_tokenizer
from annotator.labeling.threads import own_threads
from models.arrays import BoolArray, FloatArray, IntArray

TextOrPair = str | tuple[str, str]


@dataclass(frozen=True, slots=True)
class Scores:
    """What a model says of some inputs.

    Attributes:
        values: one row an input.
        tokens: tokens of each input as the model read it.
        is_cut: whether the input was longer than that.
    """

    values: FloatArray
    tokens: IntArray
    is_cut: BoolArray

    def with_values(self, values: FloatArray) -> "Scores":
        """Others of the same inputs."""
        return replace(self, values=values)

    def grouped(self, size: int) -> "Scores":
        """Runs of ``size`` inputs as one: values (runs, size, labels), tokens summed."""
        n_runs = len(self.tokens) // size
        return Scores(
            values=self.values.reshape(n_runs, size, -1),
            tokens=self.tokens.reshape(n_runs, size).sum(axis=1),
            is_cut=np.asarray(self.is_cut.reshape(n_runs, size).any(axis=1)),
        )


class SequenceModel:
    """Loaded once, when first needed; in single precision on the CPU, in that of its weights on a GPU.

    Args:
        path: a folder, or a hub id.
        device: such as ``cuda:1``; None means the GPU if there is one, else the CPU.
        batch_size: inputs judged together; fewer where they do not fit the GPU's memory.
    """

    def __init__(self, path: str, device: str | None, batch_size: int) -> None:
        self.path = path
        self._wanted_device = device
        self._batch_size = batch_size

    @property
    def device(self) -> str:
        """Where the model runs. Raises ServiceError where it cannot be loaded."""
        return str(self._model.device)

    @cached_property
    def labels(self) -> list[str]:
        """The model's labels in the order of its outputs."""
        named = self._model.config.id2label
        return [str(named[place]) for place in range(self._model.config.num_labels)]

    @property
    def is_multilabel(self) -> bool:
        """Whether the model was trained to give several labels at once."""
        return bool(self._model.config.problem_type == "multi_label_classification")

    def logits(self, inputs: Sequence[TextOrPair]) -> Scores:
        """(inputs, labels). Raises ServiceError where the model cannot be loaded."""
        starts = range(0, len(inputs), self._batch_size)
        with own_threads(self._model):
            batches = [self._batch(inputs[start : start + self._batch_size]) for start in starts]
        return _joined(batches)

    def _batch(self, inputs: Sequence[TextOrPair]) -> Scores:
        import torch  # noqa: PLC0415 (slow to import)

        try:
            with torch.inference_mode():
                return self._forward(inputs)
        except torch.OutOfMemoryError:
            if len(inputs) == 1:
                raise
        half = len(inputs) // 2
        return _joined([self._batch(inputs[:half]), self._batch(inputs[half:])])

    def _forward(self, inputs: Sequence[TextOrPair]) -> Scores:
        is_pair = bool(inputs) and not isinstance(inputs[0], str)
        firsts = [each if isinstance(each, str) else each[0] for each in inputs]
        seconds = [each[1] for each in inputs if not isinstance(each, str)]
        encoded = self._tokenizer(
            firsts,
            seconds if is_pair else None,
            truncation=True,
            max_length=self._context,
            padding=True,
            return_tensors="pt",
        )
        output = self._model(**encoded.to(self._model.device))
        return Scores(
            values=output.logits.float().cpu().numpy().astype(float),
            tokens=encoded["attention_mask"].sum(dim=1).cpu().numpy(),
            is_cut=np.array([bool(each.overflowing) for each in encoded.encodings]),
        )

    @cached_property
    def _context(self) -> int:
        """The most tokens of one input."""
        stated = self._tokenizer.model_max_length
        positions = getattr(self._model.config.get_text_config(), "max_position_embeddings", None) or 1 << 30
        # Some models keep two positions for themselves; their tokenizers know, if they say anything.
        return int(min(stated, positions) if stated < 1 << 30 else max(positions - 2, 1))

    @cached_property
    def _tokenizer(self) -> Any:
        return load_tokenizer(self.path, _WHAT)

    @cached_property
    def _model(self) -> Any:
        return load_model("AutoModelForSequenceClassification", self.path, _WHAT, self._wanted_device)


_WHAT = "a sequence classification model"


def _joined(parts: Sequence[Scores]) -> Scores:
    return Scores(
        values=np.concatenate([part.values for part in parts]),
        tokens=np.concatenate([part.tokens for part in parts]),
        is_cut=np.concatenate([part.is_cut for part in parts]),
    )
