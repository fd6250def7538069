"""Texts as vectors: the mean of an encoder's last layer over their tokens."""

from collections.abc import Sequence
from typing import Any, Self

import numpy as np
import torch
from sklearn.base import BaseEstimator, TransformerMixin
from transformers import AutoModel

from models.arrays import FloatArray
from models.encoder_config import EMBEDDED
from models.encoder_tokens import TextTokenizer, batches_by_tokens
from models.errors import CheckpointError
from models.label_map import Text
from models.pretrained import chosen_device, fingerprint, open_base, text_tokenizer
from models.threads import few_threads_for

TOKENS = {"cpu": 1024, "cuda": 65_536}


class MeanPooledEncoder(TransformerMixin, BaseEstimator):  # type: ignore[misc]
    """Vectors (n, width) of texts; the encoder is used as it is.

    A pickle holds the name of the base and a hash of its weights, not the weights.

    Parameters
    ----------
    base : str
        A folder, a hub id, or ``embedded:encoder``.
    """

    def __init__(self, base: str = EMBEDDED) -> None:
        self.base = base

    def fit(self, texts: Sequence[Text], labels: object = None) -> Self:
        """Load the encoder; nothing is learnt. Raises CannotFitError if it cannot be loaded."""
        self.base_hash_ = self._open()[2]
        return self

    def transform(self, texts: Sequence[Text]) -> FloatArray:
        """Vectors (n, width); in batches of similar length, in single precision.

        Raises CheckpointError if the base is no longer the one that `fit` saw.
        """
        model, text, base_hash = self._open()
        if base_hash != self.base_hash_:
            raise CheckpointError(
                f"the base model {self.base!r} is not the one that the classifier was fitted on: its weights "
                "differ. Bring that base back, or train anew"
            )
        tokens = text.read(texts)
        found = np.zeros((len(texts), int(model.config.hidden_size)))
        with torch.inference_mode(), few_threads_for(model):
            for rows in batches_by_tokens(tokens.length, TOKENS.get(model.device.type, TOKENS["cuda"])):
                batch = text.batch(tokens, rows, model.device)
                last = model(**batch).last_hidden_state
                mask = batch["attention_mask"][:, :, None].to(last.dtype)
                mean = (last * mask).sum(dim=1) / mask.sum(dim=1).clamp(min=1.0)
                found[rows] = mean.cpu().numpy()
        return found

    def __getstate__(self) -> dict[str, Any]:
        state: dict[str, Any] = super().__getstate__()
        return {name: value for name, value in state.items() if name != "_opened"}

    def _open(self) -> tuple[Any, TextTokenizer, str]:
        opened: tuple[Any, TextTokenizer, str] | None = getattr(self, "_opened", None)
        if opened is None:
            model, tokenizer = open_base(self.base, _load)
            base_hash = fingerprint(model, without=set())
            device = chosen_device(None)
            opened = (model.to(device).eval(), text_tokenizer(model, tokenizer, None), base_hash)
            self._opened = opened
        return opened


def embed(texts: Sequence[Text], base: str = EMBEDDED) -> FloatArray:
    """Vectors (n, width) of texts or pairs. Raises CannotFitError if the base cannot be loaded."""
    return MeanPooledEncoder(base).fit(texts).transform(texts)


def _load(where: str) -> Any:
    return AutoModel.from_pretrained(where, dtype=torch.float32)
