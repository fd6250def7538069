"""Texts in the language an annotator knows best: translated on this machine before they are labelled.

The corpus, the coders and all tables keep the original; the translation stands in the column ``raw``.
"""

import itertools
import re
from collections.abc import Sequence
from dataclasses import replace
from functools import cached_property
from typing import Any

from annotator.errors import ServiceError
from annotator.labeling.cache import ReplyCache, cache_key
from annotator.labeling.faults import Fault
from annotator.labeling.fence import joined, pair
from annotator.labeling.loading import load_model, load_tokenizer
from annotator.labeling.protocol import MachineAnnotator, MachineLabel, Unit
from annotator.labeling.threads import own_threads

_SEAM = re.compile(r"(\s*\n\s*|(?<=[.!?\u2026\u3002\uff01\uff1f])\s+)")
_MOST_TOKENS = 512


class Translator:
    """A sequence-to-sequence model such as Marian, sentence by sentence, which is what such models learnt.

    Translations are kept, so that no text is translated twice.

    Args:
        path: a folder, or a hub id; loaded once, when first needed.
        cache: translations made earlier.
        batch_size: sentences translated together.
        device: where to run; None means the GPU if there is one, else the CPU.
    """

    def __init__(
        self, path: str, cache: ReplyCache, *, batch_size: int = 16, device: str | None = None
    ) -> None:
        self.path = path
        self._cache = cache
        self._batch_size = batch_size
        self._wanted_device = device

    @property
    def device(self) -> str:
        """Where the model runs. Raises ServiceError where it cannot be loaded."""
        return str(self._model.device)

    def translate(self, texts: Sequence[str]) -> list[str | Fault]:
        """The translations in order; a fault where a sentence does not fit, or its translation does not end.

        Raises:
            ServiceError: the model cannot be loaded.
        """
        keys = {
            text: cache_key(kind="translation", model=self.path, text=text) for text in dict.fromkeys(texts)
        }
        kept = self._cache.get_many(keys.values())
        known: dict[str, str | Fault] = {
            text: str(kept[key]["text"]) for text, key in keys.items() if key in kept
        }
        for text, translated in self._new([text for text in keys if text not in known]).items():
            known[text] = translated
            if isinstance(translated, str):
                self._cache.put(keys[text], {"text": translated}, model=self.path)
        return [known[text] for text in texts]

    def _new(self, texts: Sequence[str]) -> dict[str, str | Fault]:
        # Every second piece is the blank between two sentences, which stays as it is.
        pieces = {text: _SEAM.split(text) for text in texts}
        sentences = {piece for each in pieces.values() for piece in each[::2] if piece.strip()}
        by_length = sorted(sentences, key=lambda sentence: (len(sentence), sentence))
        done: dict[str, str | Fault] = {}
        with own_threads(self._model):
            for start in range(0, len(by_length), self._batch_size):
                batch = by_length[start : start + self._batch_size]
                done.update(zip(batch, self._batch(batch), strict=True))
        return {text: _together([done.get(piece, piece) for piece in each]) for text, each in pieces.items()}

    def _batch(self, sentences: Sequence[str]) -> list[str | Fault]:
        import torch  # noqa: PLC0415 (slow to import)

        encoded = self._tokenizer(list(sentences), padding=True, return_tensors="pt", verbose=False)
        lengths = encoded["attention_mask"].sum(dim=1).tolist()
        if max(lengths) > self._context:
            long = [length > self._context for length in lengths]
            rest = list(itertools.compress(sentences, [not each for each in long]))
            translated = iter(self._batch(rest) if rest else [])
            fault = Fault(
                "refused", f"a sentence does not fit the translation model's {self._context} tokens"
            )
            return [fault if each else next(translated) for each in long]
        encoded.pop("token_type_ids", None)
        with torch.inference_mode():
            output = self._model.generate(
                **encoded.to(self._model.device), do_sample=False, max_new_tokens=self._context - 1
            )
        return [self._decoded(row) for row in output.tolist()]

    def _decoded(self, row: list[int]) -> str | Fault:
        if self._model.generation_config.eos_token_id not in row[1:]:
            return Fault("refused", "the translation of a sentence came to no end")
        return str(self._tokenizer.decode(row, skip_special_tokens=True)).strip()

    @cached_property
    def _context(self) -> int:
        """The most tokens of a sentence."""
        config = self._model.config
        return int(min(getattr(config, "max_position_embeddings", None) or _MOST_TOKENS, _MOST_TOKENS))

    @cached_property
    def _tokenizer(self) -> Any:
        return load_tokenizer(self.path, _WHAT)

    @cached_property
    def _model(self) -> Any:
        model = load_model("AutoModelForSeq2SeqLM", self.path, _WHAT, self._wanted_device)
        if isinstance(model.generation_config.eos_token_id, list):
            raise ServiceError(f"the model {self.path} has several ends of a sentence: it is no translator")
        return model


class TranslatingAnnotator:
    """Another annotator, given translations. A text that cannot be translated is a row of status ``error``.

    Args:
        annotator: who labels.
        translator: who translates.
        columns: the names of the two texts of a pair, each translated by itself.
    """

    def __init__(
        self,
        annotator: MachineAnnotator,
        translator: Translator,
        columns: tuple[str, str] | None = None,
    ) -> None:
        self.name = annotator.name
        self._annotator = annotator
        self._translator = translator
        self._columns = columns

    def label(self, units: Sequence[Unit]) -> list[MachineLabel]:
        """One row a unit, in the same order. Raises what the annotator raises, and ServiceError."""
        texts = self._translated([unit.text.encode("utf-8", "replace").decode("utf-8") for unit in units])
        ready = [replace(u, text=t) for u, t in zip(units, texts, strict=True) if isinstance(t, str)]
        rows = iter(self._annotator.label(ready))
        return [
            _with_translation(next(rows), text) if isinstance(text, str) else self._failed(unit, text)
            for unit, text in zip(units, texts, strict=True)
        ]

    def check(self) -> str:
        """What the annotator says, and where the translator runs. Raises as ``label``."""
        device = self._translator.device
        return f"{self._annotator.check()}; texts are translated by {self._translator.path} on {device}"

    def _translated(self, texts: Sequence[str]) -> list[str | Fault]:
        if self._columns is None:
            return self._translator.translate(texts)
        both = [pair(text, self._columns) or (text,) for text in texts]
        done = iter(self._translator.translate([part for parts in both for part in parts]))
        return [_rejoined([next(done) for _ in parts], self._columns) for parts in both]

    def _failed(self, unit: Unit, fault: Fault) -> MachineLabel:
        return MachineLabel(
            unit_id=unit.unit_id,
            annotator=self.name,
            label=None,
            confidence=None,
            logprob=None,
            status=fault.status,
            raw=fault.message,
            prompt_hash=None,
            tokens_in=0,
            tokens_out=0,
            cost=0.0,
            seconds=0.0,
            attempts=0,
        )


_WHAT = "a sequence-to-sequence model"


def _together(pieces: Sequence[str | Fault]) -> str | Fault:
    fault = next((piece for piece in pieces if isinstance(piece, Fault)), None)
    return fault or "".join(piece for piece in pieces if isinstance(piece, str))


def _rejoined(parts: Sequence[str | Fault], columns: tuple[str, str]) -> str | Fault:
    whole = [part for part in parts if isinstance(part, str)]
    if len(whole) < len(parts):
        return _together(parts)
    return joined((whole[0], whole[1]), columns) if len(whole) == 2 else whole[0]


def _with_translation(row: MachineLabel, text: str) -> MachineLabel:
    return replace(row, raw=f"translation: {' '.join(text.split())}\n{row.raw or ''}".rstrip("\n"))
