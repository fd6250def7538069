"""From the outputs of an encoder to probabilities of codes, and the loss that trains it."""

import torch
from torch.nn.functional import binary_cross_entropy_with_logits, log_softmax, logsigmoid

from models.arrays import FloatArray, IntArray
from models.label_map import LabelMap


def n_outputs(label_map: LabelMap) -> int:
    """How many numbers a network must give for a text: K, and K - 1 for an ordinal task."""
    return label_map.n_codes - (label_map.task == "ordinal")


def log_probabilities(logits: torch.Tensor, label_map: LabelMap) -> torch.Tensor:
    """Log-probabilities (n, K) of a task with one code a text.

    Binary and categorical: the softmax. Ordinal: continuation-ratio logits; output j is the log-odds of going
    beyond code j for a text that has come that far, so ``P(k) = P(beyond 0) ... P(beyond k - 1) P(not beyond
    k)``. Any outputs give probabilities, each step uses only the texts that reach it, and the likelihood is
    exact (Agresti 2010, section 4.2; for networks Shi, Cao and Raschka 2023).
    """
    if label_map.task != "ordinal":
        return log_softmax(logits, dim=-1)
    beyond = logsigmoid(logits).cumsum(dim=-1)
    reached = torch.cat([torch.zeros_like(beyond[:, :1]), beyond[:, :-1]], dim=-1)
    return torch.cat([reached + logsigmoid(-logits), beyond[:, -1:]], dim=-1)


def probabilities(logits: torch.Tensor, label_map: LabelMap) -> torch.Tensor:
    """Probabilities (n, K); each code by itself for a multilabel task."""
    if label_map.is_multilabel:
        return logits.sigmoid()
    return log_probabilities(logits, label_map).exp()


def losses(
    logits: torch.Tensor, labels: torch.Tensor, label_map: LabelMap, code_weight: torch.Tensor
) -> torch.Tensor:
    """Negative log-likelihood of each text (n,), in nats; over the codes of a multilabel task the mean.

    ``code_weight`` (K,) multiplies the texts of a code, or the texts that carry a multilabel code.
    """
    logits = logits.float()
    if label_map.is_multilabel:
        each = binary_cross_entropy_with_logits(
            logits, labels.float(), reduction="none", pos_weight=code_weight
        )
        return each.mean(dim=-1)
    chosen = log_probabilities(logits, label_map).gather(1, labels[:, None])[:, 0]
    return -chosen * code_weight[labels]


def balanced(labels: IntArray, weights: FloatArray, label_map: LabelMap) -> FloatArray:
    """Weights (K,) under which every code counts the same; a code without examples gets one.

    >>> import numpy as np
    >>> balanced(np.array([0, 0, 0, 1]), np.ones(4), LabelMap(("a", "b"))).round(3).tolist()
    [0.667, 2.0]
    """
    mass = weights @ label_map.one_hot(labels)
    weight = mass * 0 + 1.0
    there = (mass > 0) & (mass < weights.sum())
    if label_map.is_multilabel:
        weight[there] = (weights.sum() - mass[there]) / mass[there]
    else:
        weight[there] = weights.sum() / (there.sum() * mass[there])
    return weight
