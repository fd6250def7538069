"""How long work tells what it has done so far."""

from collections.abc import Callable

Progress = Callable[[int, int, str], None]
"""Called with how much of a piece of work is done, of how much, and what it is."""


def silent(done: int, total: int, what: str) -> None:
    """Progress that nobody watches."""
