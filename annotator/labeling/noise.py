"""Sampling that can be repeated: the same text and seed get the same reply, whatever else is in the batch.

The largest of logit plus temperature times Gumbel noise is a draw from the softmax of logit over temperature
(Gumbel, 1954; Maddison, Tarlow and Minka, 2014, "A* Sampling"): greedy decoding of noisy logits samples.
"""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True, slots=True)
class Sampling:
    """A temperature above 0, and one seed for each conversation of a batch."""

    temperature: float
    seeds: tuple[int, ...]

    def of(self, is_part: Sequence[bool]) -> "Sampling":
        """The same for some of the conversations."""
        return Sampling(self.temperature, tuple(itertools.compress(self.seeds, is_part)))


class Noise:
    """Adds the noise to the logits of each step, for ``generate`` of the transformers library."""

    def __init__(self, sampling: Sampling, device: str) -> None:
        import torch  # noqa: PLC0415 (slow to import)

        self._temperature = sampling.temperature
        self._generators = [torch.Generator(device).manual_seed(seed) for seed in sampling.seeds]

    def __call__(self, input_ids: "Tensor", scores: "Tensor") -> "Tensor":
        """Noisy logits (units, vocabulary)."""
        import torch  # noqa: PLC0415

        del input_ids
        exponential = torch.stack(
            [
                torch.empty(scores.shape[1], device=scores.device).exponential_(generator=generator)
                for generator in self._generators
            ]
        )
        return scores.float() - self._temperature * exponential.log()
