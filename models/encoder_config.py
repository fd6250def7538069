"""What an encoder classifier is made with."""

from dataclasses import asdict, dataclass
from typing import Any, Literal, get_args

from models.errors import CannotFitError

Method = Literal["full", "lora", "prompt"]
Precision = Literal["auto", "fp32", "bf16", "fp16"]
EMBEDDED = "embedded:encoder"


@dataclass(frozen=True)
class EncoderConfig:
    """Settings of an encoder classifier.

    Attributes
    ----------
    base : str
        A folder, an id of the hub, or ``embedded:encoder``, the small one that is shipped.
    method : str
        ``full`` trains every weight, ``lora`` low-rank additions to the attention (Hu et al. 2022),
        ``prompt`` some vectors put before every text (Lester et al. 2021). With the latter two a checkpoint
        holds only what was trained, and the base must be there when it is loaded.
    max_length : int, optional
        Longest text in tokens; what is longer is cut and counted. By default what the base can take, but
        512 at most.
    epochs, patience : int
        Most passes over the examples; passes without a better loss on held-out examples before it stops.
    held_out : float
        Share of the examples kept for that loss, stratified by code. With 0, or fewer than twenty such
        examples, it trains for all epochs on all of them.
    batch_size, accumulation : int
        Texts a batch, and batches a step of the optimiser.
    learning_rate : float, optional
        Peak, after a linear warm-up and before a linear decay. By default it goes by the width of the base,
        as wide models take smaller steps, and by the method: see `learning_rate_for`.
    warmup : float
        Share of the steps.
    clip : float
        Largest norm of the gradient of a step.
    class_weight : str, optional
        ``balanced`` weighs a code by the inverse of its share (a multilabel code by the odds against it).
    lora_rank, lora_alpha, lora_dropout, prompt_tokens
        Of LoRA and of prompt tuning.
    precision : str
        Of training: ``auto`` is bf16 or fp16 on a GPU and fp32 on the CPU. Predictions are always fp32.
    device : str, optional
        Such as ``cuda:1``; None means the GPU if there is one, else the CPU.

    Raises
    ------
    CannotFitError
        A value outside its range, named.
    """

    base: str = EMBEDDED
    method: Method = "full"
    max_length: int | None = None
    epochs: int = 10
    patience: int = 3
    held_out: float = 0.1
    batch_size: int = 16
    accumulation: int = 1
    learning_rate: float | None = None
    weight_decay: float = 0.01
    warmup: float = 0.1
    clip: float = 1.0
    class_weight: Literal["balanced"] | None = None
    lora_rank: int = 8
    lora_alpha: int = 16
    lora_dropout: float = 0.1
    prompt_tokens: int = 16
    precision: Precision = "auto"
    device: str | None = None

    def __post_init__(self) -> None:
        for name in (
            "epochs",
            "patience",
            "batch_size",
            "accumulation",
            "lora_rank",
            "lora_alpha",
            "prompt_tokens",
        ):
            self._demand(name, getattr(self, name) >= 1, "at least 1")
        self._demand("max_length", self.max_length is None or self.max_length >= 8, "at least 8")
        self._demand("learning_rate", self.learning_rate is None or self.learning_rate > 0, "above 0")
        self._demand("clip", self.clip > 0, "above 0")
        self._demand("weight_decay", self.weight_decay >= 0, "0 or more")
        for name in ("held_out", "warmup", "lora_dropout"):
            self._demand(name, 0 <= getattr(self, name) < 1, "from 0 to below 1")
        self._demand("method", self.method in get_args(Method), "one of " + ", ".join(get_args(Method)))
        self._demand(
            "precision", self.precision in get_args(Precision), "one of " + ", ".join(get_args(Precision))
        )
        self._demand("class_weight", self.class_weight in (None, "balanced"), "balanced, or nothing")

    def _demand(self, name: str, holds: bool, expected: str) -> None:
        if not holds:
            raise CannotFitError(f"{name} of an encoder must be {expected}, not {getattr(self, name)!r}")

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values; ``EncoderConfig(**config.to_dict()) == config``."""
        return asdict(self)

    def learning_rate_for(self, width: int) -> float:
        """The peak learning rate for a base of the given width.

        Without a ``learning_rate``: 2e-5 at the width 768, by the square of the width elsewhere; ten times
        as much for LoRA and a thousand times for prompts, whose few weights start from nothing.

        >>> EncoderConfig().learning_rate_for(768), EncoderConfig(method="lora").learning_rate_for(768)
        (2e-05, 0.0002)
        """
        if self.learning_rate is not None:
            return self.learning_rate
        factor, most = {"full": (1.0, 1e-3), "lora": (10.0, 5e-3), "prompt": (1000.0, 5e-2)}[self.method]
        return min(most, round(2e-5 * factor * (768 / width) ** 2, 12))
