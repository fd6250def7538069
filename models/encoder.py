"""An encoder of the ``transformers`` library, fine-tuned to predict codes."""

import hashlib
import json
import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Self

import numpy as np
import torch

from models.arrays import BoolArray, FloatArray, IntArray
from models.checkpoint import Card, unit_hashes
from models.classifier import not_fitted
from models.encoder_config import EncoderConfig
from models.encoder_loss import balanced, probabilities
from models.encoder_network import Network, new_network, read_network, write_network
from models.encoder_tokens import Tokens, batches_by_tokens
from models.encoder_training import OnEpoch, Training, TrainingSet, repeatable, train
from models.examples import Examples, examples
from models.folds import strata
from models.label_map import LabelMap, Text
from models.pretrained import chosen_device
from models.threads import few_threads_for

FEWEST_HELD_OUT = 20
CHUNK = 32_768  # texts tokenised at a time
TOKENS = {"cpu": 1024, "cuda": 65_536}  # of a batch of predictions, padding included

log = logging.getLogger(__name__)


class EncoderClassifier:
    """Fine-tunes a base model with a classification head; see `EncoderConfig` for what can be set.

    The loss is the mean over texts of weight times negative log-likelihood, weights having the mean one, so
    that with weights of one over the inclusion probability it stands for the whole corpus.
    `models.encoder_loss` says how each task becomes a likelihood. The same seed gives the same weights on the
    same machine, with the same number of threads.

    Parameters
    ----------
    label_map : LabelMap
    config : EncoderConfig
    state : Path, optional
        A file that keeps an unfinished training. A fit that was interrupted goes on from its last whole epoch
        when it is called again with the same arguments; remove the file once the classifier is saved.
    on_epoch : callable, optional
        Called with the number of an epoch, from 1, and its held-out loss. What it raises ends the fit.

    Attributes
    ----------
    n_cut : int
        Texts of the last fit or prediction that were longer than the model takes, and were cut.
    """

    kind = "encoder"

    def __init__(
        self,
        label_map: LabelMap,
        config: EncoderConfig | None = None,
        *,
        state: Path | None = None,
        on_epoch: OnEpoch | None = None,
    ) -> None:
        self.label_map, self.config = label_map, config or EncoderConfig()
        self.unit_hashes: tuple[str, ...] = ()
        self.metrics: dict[str, Any] = {}
        self.n_cut = 0
        self._state, self.on_epoch = state, on_epoch
        self._network: Network | None = None

    @property
    def settings(self) -> dict[str, Any]:
        """The configuration as plain values."""
        return self.config.to_dict()

    def fit(
        self, texts: Sequence[Text], labels: IntArray, weights: FloatArray | None, rng: np.random.Generator
    ) -> Self:
        """Fine-tune on n texts; see `Classifier.fit`.

        Raises also CannotFitError if the base cannot be loaded.
        """
        given = examples(texts, labels, weights, self.label_map)
        seed = int(rng.integers(2**62))
        with repeatable(seed, chosen_device(self.config.device)):
            network = new_network(self.config, self.label_map)
            data = self._training_set(given, network, seed)
            identity = _identity(given, self.config, network.base_hash, seed)
            training = Training(self.config, self.label_map, seed, identity, self._state, self.on_epoch)
            with few_threads_for(network.model):
                self.metrics = train(network, data, training)
        self._network = network
        self.unit_hashes = unit_hashes(given.texts)
        self.metrics |= {
            "n_training": int(data.train.size),
            "n_held_out": int(data.held_out.size),
            "n_cut": self.n_cut,
            "max_length": network.text.max_length,
        }
        return self

    def predict_proba(self, texts: Sequence[Text]) -> FloatArray:
        """Probabilities (n, K), in batches of similar length and bounded size, in single precision."""
        if self._network is None:
            raise not_fitted(self.kind)
        found: FloatArray = np.empty((len(texts), self.label_map.n_codes))
        n_cut = 0
        for start in range(0, len(texts), CHUNK):
            tokens = self._network.text.read(texts[start : start + CHUNK])
            n_cut += int(tokens.cut.sum())
            found[start : start + CHUNK] = self._predict(self._network, tokens)
        self._report(n_cut, len(texts), self._network)
        return found

    def write_files(self, folder: Path) -> None:
        """Put the model, or its adapter, into a folder."""
        if self._network is None:
            raise not_fitted(self.kind)
        write_network(self._network, self.config, folder)

    def read_files(self, folder: Path, card: Card) -> None:
        """Take up what `write_files` put there."""
        self._network = read_network(folder, self.config, self.label_map)

    def _predict(self, network: Network, tokens: Tokens) -> FloatArray:
        found: FloatArray = np.empty((len(tokens), self.label_map.n_codes))
        network.model.eval()
        with torch.inference_mode(), few_threads_for(network.model):
            for rows in batches_by_tokens(tokens.length, TOKENS.get(network.device.type, TOKENS["cuda"])):
                logits = network.model(**network.text.batch(tokens, rows, network.device)).logits
                found[rows] = probabilities(logits.double(), self.label_map).cpu().numpy()
        return found

    def _training_set(self, given: Examples, network: Network, seed: int) -> TrainingSet:
        tokens = network.text.read(given.texts)
        self._report(int(tokens.cut.sum()), len(given), network)
        held_out = _held_out(given.labels, self.config.held_out, np.random.default_rng(seed))
        train_rows = np.flatnonzero(~held_out)
        code_weight: FloatArray = np.ones(self.label_map.n_codes)
        if self.config.class_weight == "balanced":
            code_weight = balanced(given.labels[train_rows], given.weights[train_rows], self.label_map)
        return TrainingSet(
            tokens, given.labels, given.weights, code_weight, train_rows, np.flatnonzero(held_out)
        )

    def _report(self, n_cut: int, n_texts: int, network: Network) -> None:
        self.n_cut = n_cut
        if n_cut:
            log.warning(
                "%d of %d texts are longer than %d tokens and were cut",
                n_cut,
                n_texts,
                network.text.max_length,
            )


def _held_out(labels: IntArray, share: float, rng: np.random.Generator) -> BoolArray:
    """Which examples to keep out, (n,): of every code the share, rounded down; rare ones are all learnt.

    Fewer than twenty would only stop the training by chance: then all are learnt.
    """
    held_out = np.zeros(len(labels), dtype=np.bool_)
    stratum = strata(labels)
    for code in np.unique(stratum):
        rows = rng.permutation(np.flatnonzero(stratum == code))
        held_out[rows[: int(share * rows.size)]] = True
    return held_out if held_out.sum() >= FEWEST_HELD_OUT else np.zeros(len(labels), dtype=np.bool_)


def _identity(given: Examples, config: EncoderConfig, base_hash: str, seed: int) -> str:
    """A hash of everything that decides a training's result."""
    said = json.dumps([config.to_dict(), base_hash, seed, given.digest()])
    return hashlib.sha256(said.encode()).hexdigest()
