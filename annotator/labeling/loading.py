"""Loading a model of the transformers library: without progress bars, and with errors a user can act on."""

import contextlib
from collections.abc import Iterator
from typing import Any

from annotator.errors import ServiceError


@contextlib.contextmanager
def loading(path: str, what: str = "a causal language model") -> Iterator[None]:
    """Around the loading of the model at ``path``. Raises ServiceError where it cannot be loaded."""
    import transformers  # noqa: PLC0415

    logging: Any = transformers.utils.logging
    bars = logging.is_progress_bar_enabled()
    logging.disable_progress_bar()
    try:
        yield
    except (OSError, ValueError) as error:
        reason = str(error).strip().partition("\n")[0]
        raise ServiceError(
            f"the model {path} cannot be loaded: {reason}",
            hint=f"Give the folder of {what}, or its id on the hub (which needs the internet once).",
        ) from error
    finally:
        if bars:
            logging.enable_progress_bar()
