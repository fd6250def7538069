"""Fits on a few hundred units run on one thread: more of them only wait for each other."""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache

from threadpoolctl import ThreadpoolController


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
