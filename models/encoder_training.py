"""The training loop of an encoder classifier."""

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from models.arrays import FloatArray, IntArray
from models.encoder_config import EncoderConfig
from models.encoder_loss import losses
from models.encoder_network import Network
from models.encoder_state import Engine, State, read_state, write_state
from models.encoder_tokens import Tokens, batches_by_tokens, shuffled_batches
from models.errors import CannotFitError
from models.label_map import LabelMap

HELD_OUT_TOKENS = 8192
OnEpoch = Callable[[int, float], None]


@dataclass(frozen=True)
class TrainingSet:
    """Tokenised examples; ``train`` and ``held_out`` are rows of them."""

    tokens: Tokens
    labels: IntArray
    weights: FloatArray
    code_weight: FloatArray
    train: IntArray
    held_out: IntArray


@dataclass(frozen=True)
class Training:
    """What a training is, and where it keeps its state after every epoch, if anywhere.

    ``identity`` is a hash of everything that decides the result: a state with another one is refused.
    """

    config: EncoderConfig
    label_map: LabelMap
    seed: int
    identity: str = ""
    state: Path | None = None
    on_epoch: OnEpoch | None = None


def train(network: Network, data: TrainingSet, training: Training) -> dict[str, Any]:
    """Train until the loss on held-out examples no longer falls; the network ends with its best weights.

    Without held-out examples it trains for all epochs. With a ``state`` file it goes on from the last whole
    epoch, to the same weights as if it had never stopped.

    Returns
    -------
    dict
        ``losses`` (training) and ``held_out_losses`` by epoch, and ``best_epoch``, counted from 1.

    Raises
    ------
    CannotFitError
        The loss is no longer a number, or the state is that of another training.
    """
    config = training.config
    is_half = _autocast_type(config, network) == torch.float16
    scaler = torch.amp.GradScaler(network.device.type, enabled=is_half)
    engine = Engine(network, _optimizer(network, config), scaler)
    state = State()
    if training.state is not None and training.state.exists():
        state = read_state(training.state, training.identity, engine)
    steps_an_epoch = math.ceil(math.ceil(data.train.size / config.batch_size) / config.accumulation)
    while not state.finished(config):
        mean = _one_epoch(engine, data, training, state.epoch, steps_an_epoch)
        held_out = mean_loss(network, data, training.label_map) if data.held_out.size else math.nan
        if not math.isfinite(mean) or (data.held_out.size and not math.isfinite(held_out)):
            raise CannotFitError(
                f"the loss of epoch {state.epoch + 1} is no number any more: choose a smaller learning_rate, "
                "or precision: fp32"
            )
        state.add_epoch(mean, held_out, network)
        if training.state is not None:
            write_state(training.state, training.identity, state, engine)
        if training.on_epoch is not None:
            training.on_epoch(state.epoch, held_out)
    state.restore_best(network)
    network.model.eval()
    return {
        "losses": state.losses,
        "held_out_losses": state.held_out_losses if data.held_out.size else [],
        "best_epoch": state.best_epoch,
    }


def mean_loss(network: Network, data: TrainingSet, label_map: LabelMap) -> float:
    """Weighted mean loss of the held-out examples."""
    rows = data.held_out
    network.model.eval()
    code_weight = torch.from_numpy(data.code_weight).float().to(network.device)
    total, mass = 0.0, float(data.weights[rows].sum())
    with torch.inference_mode():
        for places in batches_by_tokens(data.tokens.length[rows], HELD_OUT_TOKENS):
            chosen = rows[places]
            logits = network.model(**network.text.batch(data.tokens, chosen, network.device)).logits
            labels = torch.from_numpy(data.labels[chosen]).to(network.device)
            each = losses(logits, labels, label_map, code_weight).double().cpu().numpy()
            total += float(data.weights[chosen] @ each)
    return total / mass


def _one_epoch(
    engine: Engine, data: TrainingSet, training: Training, epoch: int, steps_an_epoch: int
) -> float:
    """One pass over the examples. Returns the mean loss of its texts, dropout included."""
    network, optimizer, scaler = engine.network, engine.optimizer, engine.scaler
    config, device = training.config, network.device
    rng = np.random.default_rng([training.seed, epoch])
    batches = shuffled_batches(data.tokens.length[data.train], config.batch_size, rng)
    peak = config.learning_rate_for(int(network.model.config.hidden_size))
    code_weight = torch.from_numpy(data.code_weight).float().to(device)
    weights = torch.from_numpy(data.weights).float().to(device)
    labels = torch.from_numpy(data.labels).to(device)
    autocast = _autocast_type(config, network)
    moved = [weight for group in optimizer.param_groups for weight in group["params"]]
    network.model.train()
    total = torch.zeros((), device=device)
    for step in range(steps_an_epoch):
        together = batches[step * config.accumulation : (step + 1) * config.accumulation]
        n_texts = sum(places.size for places in together)
        for places in together:
            rows = data.train[places]
            batch = network.text.batch(data.tokens, rows, device)
            with torch.autocast(device.type, dtype=autocast, enabled=autocast is not None):
                logits = network.model(**batch).logits
            where = torch.from_numpy(rows).to(device)
            each = losses(logits, labels[where], training.label_map, code_weight)
            loss = (each * weights[where]).sum() / n_texts
            scaler.scale(loss).backward()
            total += loss.detach() * n_texts
        scaler.unscale_(optimizer)
        torch.nn.utils.clip_grad_norm_(moved, config.clip)
        rate = peak * _schedule(epoch * steps_an_epoch + step, config.epochs * steps_an_epoch, config.warmup)
        for group in optimizer.param_groups:
            group["lr"] = rate
        scaler.step(optimizer)
        scaler.update()
        optimizer.zero_grad()
    return float(total) / data.train.size


def _schedule(step: int, steps: int, warmup: float) -> float:
    """Linear warm-up, then linear decay to zero."""
    warm = math.ceil(warmup * steps)
    return (step + 1) / warm if step < warm else (steps - step) / (steps - warm)


def _optimizer(network: Network, config: EncoderConfig) -> torch.optim.Optimizer:
    """AdamW; biases and norms do not decay."""
    trained = list(network.trained().values())
    groups = [
        {"params": [weight for weight in trained if weight.ndim > 1], "weight_decay": config.weight_decay},
        {"params": [weight for weight in trained if weight.ndim <= 1], "weight_decay": 0.0},
    ]
    fused = network.device.type in {"cpu", "cuda"}
    return torch.optim.AdamW([group for group in groups if group["params"]], lr=0.0, fused=fused)


def _autocast_type(config: EncoderConfig, network: Network) -> torch.dtype | None:
    if config.precision in {"fp16", "bf16"}:
        return {"fp16": torch.float16, "bf16": torch.bfloat16}[config.precision]
    if config.precision == "fp32" or network.device.type != "cuda":
        return None
    return torch.bfloat16 if torch.cuda.is_bf16_supported() else torch.float16


@contextmanager
def repeatable(seed: int, device: torch.device) -> Iterator[None]:
    """Chance inside comes from ``seed``, and the caller's generators go on as if nothing had been drawn.

    On a GPU only algorithms are used that give the same result every time.
    """
    on_gpu = device.type == "cuda"
    before = torch.are_deterministic_algorithms_enabled()
    with torch.random.fork_rng(devices=[device] if on_gpu else []):
        torch.manual_seed(seed)
        torch.use_deterministic_algorithms(on_gpu or before)
        try:
            yield
        finally:
            torch.use_deterministic_algorithms(before)
