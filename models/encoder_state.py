"""An unfinished training on disk, whole after every epoch."""

import contextlib
import math
import os
import pickle
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch

from models.encoder_config import EncoderConfig
from models.encoder_network import Network
from models.errors import CannotFitError, CheckpointError


@dataclass(frozen=True)
class Engine:
    """What a training moves: the network, the optimiser, and the scaler of half-precision gradients."""

    network: Network
    optimizer: torch.optim.Optimizer
    scaler: Any


@dataclass
class State:
    """How far a training has come.

    ``best`` holds the weights with the smallest loss on held-out examples; without such it stays empty, and
    the last weights count.
    """

    losses: list[float] = field(default_factory=list)
    held_out_losses: list[float] = field(default_factory=list)
    best: dict[str, torch.Tensor] = field(default_factory=dict)

    @property
    def epoch(self) -> int:
        """Epochs done."""
        return len(self.losses)

    @property
    def best_epoch(self) -> int:
        """The epoch, from 1, with the smallest held-out loss; without held-out examples the last."""
        seen = [loss for loss in self.held_out_losses if not math.isnan(loss)]
        return seen.index(min(seen)) + 1 if seen else self.epoch

    def finished(self, config: EncoderConfig) -> bool:
        """Whether all epochs are done, or the last few brought nothing."""
        return self.epoch >= config.epochs or self.epoch - self.best_epoch >= config.patience

    def add_epoch(self, loss: float, held_out: float, network: Network) -> None:
        """Note an epoch, and keep its weights if none before was better."""
        self.losses.append(loss)
        self.held_out_losses.append(held_out)
        if not math.isnan(held_out) and self.best_epoch == self.epoch:
            self.best = {name: weight.detach().cpu().clone() for name, weight in network.trained().items()}

    def restore_best(self, network: Network) -> None:
        """Put the best weights back into the network."""
        _put(self.best, network)


def write_state(path: Path, identity: str, state: State, engine: Engine) -> None:
    """Write everything that the next epoch depends on, whole or not at all. Raises CheckpointError."""
    network = engine.network
    content = {
        "identity": identity,
        "losses": state.losses,
        "held_out_losses": state.held_out_losses,
        "best": state.best,
        "weights": {name: weight.detach() for name, weight in network.trained().items()},
        "optimizer": engine.optimizer.state_dict(),
        "scaler": engine.scaler.state_dict(),
        "rng": torch.get_rng_state(),
        "gpu_rng": torch.cuda.get_rng_state(network.device) if network.device.type == "cuda" else None,
    }
    partial = path.with_name(f".{path.name}.{os.getpid()}.partial")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with partial.open("wb") as stream:
            torch.save(content, stream)
            stream.flush()
            os.fsync(stream.fileno())
        partial.replace(path)
    except BaseException as error:
        with contextlib.suppress(OSError):
            partial.unlink(missing_ok=True)
        # torch reports a full disk as a RuntimeError of its zip writer.
        if isinstance(error, OSError | RuntimeError):
            raise CheckpointError(
                f"cannot write the state of the training to {path}: {error}. Make room and start again: it "
                "goes on from the last epoch that was written"
            ) from error
        raise


def read_state(path: Path, identity: str, engine: Engine) -> State:
    """Put the network, the optimiser and the generators back to where they were.

    Raises CannotFitError if the file is the state of another training, or damaged.
    """
    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
        found = content["identity"]
    except (OSError, RuntimeError, EOFError, KeyError, TypeError, pickle.UnpicklingError) as error:
        raise CannotFitError(f"{path} is no state of a training: {error}. Remove it to start anew") from error
    if found != identity:
        raise CannotFitError(
            f"{path} is the state of another training: its texts, labels, weights, seed or settings differ. "
            "Remove it to start anew"
        )
    _put(content["weights"], engine.network)
    engine.optimizer.load_state_dict(content["optimizer"])
    engine.scaler.load_state_dict(content["scaler"])
    torch.set_rng_state(content["rng"])
    if content["gpu_rng"] is not None:
        torch.cuda.set_rng_state(content["gpu_rng"], engine.network.device)
    return State(content["losses"], content["held_out_losses"], content["best"])


@torch.no_grad()
def _put(weights: dict[str, torch.Tensor], network: Network) -> None:
    trained = network.trained()
    for name, weight in weights.items():
        trained[name].copy_(weight)
