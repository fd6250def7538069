"""How much to ask of an endpoint, when to try a request again, and when to stop asking altogether."""

import math
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime


@dataclass(frozen=True, slots=True)
class Limits:
    """What an endpoint bears, as far as it is known before it is asked.

    Attributes:
        concurrency: most requests under way at once; fewer where the endpoint turns them away.
        requests_per_minute: of all processes that share the database; None means no limit.
        tokens_per_minute: the same for tokens of prompts and replies together.
        timeout: seconds a single request may take, its whole answer included.
        attempts: most tries of one request.
    """

    concurrency: int = 16
    requests_per_minute: float | None = None
    tokens_per_minute: float | None = None
    timeout: float = 60.0
    attempts: int = 5


def retry_after(value: str | None, now: datetime | None = None) -> float | None:
    """Seconds that a ``Retry-After`` header asks for, from its number or its date; None if unreadable.

    >>> retry_after("1.5")
    1.5
    >>> retry_after("Wed, 21 Oct 2015 07:28:05 GMT", now=datetime(2015, 10, 21, 7, 28, tzinfo=UTC))
    5.0
    >>> retry_after("soon") is None
    True
    """
    if value is None:
        return None
    try:
        seconds = float(value)
    except ValueError:
        try:
            at = parsedate_to_datetime(value)
        except ValueError:
            return None
        at = at if at.tzinfo else at.replace(tzinfo=UTC)
        seconds = (at - (now or datetime.now(UTC))).total_seconds()
    return max(0.0, seconds) if math.isfinite(seconds) else None


@dataclass
class Streak:
    """Units in a row that got no usable answer, with no answer to any other unit in between.

    A unit can be unlucky; ``patience`` of them in a row mean that the endpoint as a whole is ill.

    >>> streak = Streak(patience=2)
    >>> streak.failed(); streak.answered(); streak.failed(); streak.over
    False
    >>> streak.failed(); streak.over
    True
    """

    patience: int
    answers: int = 0
    failures: int = 0

    def answered(self) -> None:
        """A usable answer came, for whichever unit."""
        self.answers += 1
        self.failures = 0

    def failed(self) -> None:
        """A unit was given up."""
        self.failures += 1

    @property
    def over(self) -> bool:
        """Whether patience is at its end."""
        return self.failures >= self.patience
