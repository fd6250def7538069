"""Fits on a few hundred units run on one thread: more of them only wait for each other."""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any

from threadpoolctl import ThreadpoolController

SMALL_MODEL = 20_000_000  # parameters


@contextmanager
def one_thread() -> Iterator[None]:
    """Keep OpenMP and BLAS to one thread, and give back what was before.

    Threads that meet after every split of every small tree wait for the slowest: beside other work on the
    same processors, a fit of two seconds then takes minutes.
    """
    with _controller().limit(limits=1):
        yield


@cache
def _controller() -> ThreadpoolController:
    return ThreadpoolController()


@contextmanager
def few_threads_for(model: Any) -> Iterator[None]:
    """Run a small ``torch`` model on the CPU on one thread, any other on as many as torch has.

    Threads of a small model wait for each other, long on a busy machine; and its results then do not depend
    on how many there are. Afterwards torch has as many as before.
    """
    import torch  # noqa: PLC0415 (slow to import)

    threads = torch.get_num_threads()
    weights = list(model.parameters())
    is_small = weights[0].device.type == "cpu" and sum(weight.numel() for weight in weights) < SMALL_MODEL
    torch.set_num_threads(1 if is_small else threads)
    try:
        yield
    finally:
        torch.set_num_threads(threads)
