"""Small fits and small encoders run on one thread: more of them only wait for each other."""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any

from threadpoolctl import ThreadpoolController

SMALL_ENCODER = 1_000_000  # weights beside those of the embeddings


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
    """Run a small encoder on the CPU on one thread, any other on as many as torch has.

    Threads of a small model wait for each other, long on a busy machine; and its results then do not depend
    on how many there are. Afterwards torch has as many as before.
    """
    import torch  # noqa: PLC0415 (slow to import)

    threads = torch.get_num_threads()
    working = [weight for name, weight in model.named_parameters() if "embeddings" not in name]
    is_small = working[0].device.type == "cpu" and sum(map(torch.numel, working)) < SMALL_ENCODER
    torch.set_num_threads(1 if is_small else threads)
    try:
        yield
    finally:
        torch.set_num_threads(threads)
