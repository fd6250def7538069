"""Texts as token ids, and token ids as padded batches of similar length."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from models.arrays import BoolArray, IntArray
from models.label_map import Text

Batch = dict[str, torch.Tensor]
SORTED_BATCHES = 50


@dataclass(frozen=True)
class Tokens:
    """n texts as token ids.

    ``ids`` holds one row a text and model input, ``cut`` (n,) which texts were longer than allowed.
    """

    ids: dict[str, list[list[int]]]
    length: IntArray
    cut: BoolArray

    def __len__(self) -> int:
        return len(self.length)


class TextTokenizer:
    """A tokenizer of the ``transformers`` library with a fixed longest length.

    Texts that Unicode cannot encode, such as halves of an emoji, are read with a question mark there.
    """

    def __init__(self, tokenizer: Any, max_length: int) -> None:
        self.tokenizer, self.max_length = tokenizer, max_length
        self._pad = {"input_ids": tokenizer.pad_token_id, "token_type_ids": tokenizer.pad_token_type_id}
        self._left = tokenizer.padding_side == "left"

    def read(self, texts: Sequence[Text]) -> Tokens:
        """Token ids of some texts or pairs; those too long are cut."""
        ids, cut = self._call(texts)
        return Tokens(ids, np.array([len(row) for row in ids["input_ids"]], dtype=np.int64), cut)

    def _call(self, texts: Sequence[Text]) -> tuple[dict[str, list[list[int]]], BoolArray]:
        if not texts:
            return {"input_ids": [], "attention_mask": []}, np.empty(0, dtype=np.bool_)
        pairs = not isinstance(texts[0], str)
        if any(isinstance(text, str) is pairs for text in texts):
            raise ValueError("texts are either all single or all pairs")
        first = [_clean(text if isinstance(text, str) else text[0]) for text in texts]
        second = [_clean(text[1]) for text in texts] if pairs else None
        found = self.tokenizer(first, second, truncation=True, max_length=self.max_length)
        ids = dict(found.items())
        if found.encodings is not None:
            return ids, np.array([bool(row.overflowing) for row in found.encodings], dtype=np.bool_)
        full = self.tokenizer(first, second, truncation=False, verbose=False)["input_ids"]
        return ids, np.array([len(row) > self.max_length for row in full], dtype=np.bool_)

    def batch(self, tokens: Tokens, rows: IntArray, device: torch.device) -> Batch:
        """Some rows as tensors (rows, t) on a device, padded to the longest among them."""
        width = int(tokens.length[rows].max())
        batch: Batch = {}
        for name, ids in tokens.ids.items():
            padded = np.full((rows.size, width), self._pad.get(name, 0), dtype=np.int64)
            for place, row in enumerate(rows):
                one = ids[row]
                start = width - len(one) if self._left else 0
                padded[place, start : start + len(one)] = one
            batch[name] = torch.from_numpy(padded).to(device)
        return batch


def batches_by_tokens(length: IntArray, most_tokens: int) -> Iterator[IntArray]:
    """Rows in batches of at most ``most_tokens`` padded tokens (or one text), the longest first.

    >>> [rows.tolist() for rows in batches_by_tokens(np.array([2, 9, 3, 2]), 6)]
    [[1], [2, 0], [3]]
    """
    order = np.argsort(-length, kind="stable")
    start = 0
    while start < order.size:
        n = max(1, most_tokens // max(1, int(length[order[start]])))
        yield order[start : start + n]
        start += n


def shuffled_batches(length: IntArray, size: int, rng: np.random.Generator) -> list[IntArray]:
    """Rows in batches of ``size`` texts of similar length, each row once, in random order.

    Texts are shuffled, and only within stretches of fifty batches sorted by length, so that a small corpus
    still gets other batches every time.
    """
    order = rng.permutation(length.size)
    batches: list[IntArray] = []
    for start in range(0, order.size, size * SORTED_BATCHES):
        stretch = order[start : start + size * SORTED_BATCHES]
        by_length = stretch[np.argsort(length[stretch], kind="stable")]
        batches += [by_length[i : i + size] for i in range(0, by_length.size, size)]
    return [batches[i] for i in rng.permutation(len(batches))]


def _clean(text: str) -> str:
    return text.encode("utf-8", "replace").decode("utf-8")
