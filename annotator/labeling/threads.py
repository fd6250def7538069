"""How many threads a small model on the CPU runs on."""

import contextlib
from collections.abc import Iterator
from typing import Any

SMALL_MODEL = 20_000_000  # parameters


@contextlib.contextmanager
def own_threads(model: Any) -> Iterator[None]:
    """A small model on the CPU runs on one thread: more wait for each other, long on a busy machine."""
    import torch  # noqa: PLC0415 (slow to import)

    threads = torch.get_num_threads()
    is_small = model.device.type == "cpu" and model.num_parameters() < SMALL_MODEL
    torch.set_num_threads(1 if is_small else threads)
    try:
        yield
    finally:
        torch.set_num_threads(threads)
