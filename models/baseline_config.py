"""What a baseline is made with."""

from dataclasses import asdict, dataclass
from typing import Any

from models.encoder_config import EMBEDDED
from models.errors import CannotFitError


@dataclass(frozen=True)
class BaselineConfig:
    """Settings of a baseline; each uses those that it knows.

    Attributes
    ----------
    c : float
        Inverse strength of the penalty of logistic regressions and of the support vector machine.
    ngrams : int
        Longest sequence of words that counts as a feature.
    min_count : int
        Texts a feature must occur in.
    max_features : int, optional
        Only the most frequent are kept; by default all, and 500 for gradient boosting, whose table is dense.
    trees : int
        Of the random forest, and of gradient boosting for every code.
    balanced : bool
        Every code counts the same, whatever its share.
    base : str
        The encoder of ``embeddings_logistic``: a folder, hub id or ``embedded:encoder``.

    Raises
    ------
    CannotFitError
        A number that is not positive, named.
    """

    c: float = 1.0
    ngrams: int = 1
    min_count: int = 1
    max_features: int | None = None
    trees: int = 200
    balanced: bool = False
    base: str = EMBEDDED

    def __post_init__(self) -> None:
        for name in ("c", "ngrams", "min_count", "max_features", "trees"):
            value = getattr(self, name)
            if value is not None and not value > 0:
                raise CannotFitError(f"{name} of a baseline must be above 0, not {value!r}")

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values; ``BaselineConfig(**config.to_dict()) == config``."""
        return asdict(self)
