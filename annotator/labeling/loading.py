"""Loading a model of the transformers library: without progress bars, and with errors a user can act on.

Code that comes with a model is never run.
"""

import contextlib
from collections.abc import Iterator
from typing import Any

from annotator.errors import ServiceError, ServiceUnavailableError


def refuse_silent_hub(path: str) -> None:
    """Raise ServiceUnavailableError if the model at ``path`` is to come from a hub that does not answer now.

    The hub is asked once; loading would try for most of a minute.
    """
    from models import hub  # noqa: PLC0415 (slow to import)
    from models.errors import UnreachableError  # noqa: PLC0415

    try:
        hub.refuse_silent(path)
    except UnreachableError as error:
        raise ServiceUnavailableError(str(error)) from error


def load_tokenizer(path: str, what: str) -> Any:
    """The tokenizer of the model at ``path``. Raises ServiceError if it cannot be loaded."""
    from transformers import AutoTokenizer  # noqa: PLC0415 (slow to import)

    with _loading(path, what):
        return AutoTokenizer.from_pretrained(path, trust_remote_code=False)


def load_model(auto_class: str, path: str, what: str, device: str | None) -> Any:
    """The model at ``path``: in single precision on the CPU, in that of its weights on a GPU.

    Args:
        auto_class: the class of transformers that loads it.
        path: a folder, or a hub id.
        what: which model is needed, in words.
        device: where to run; None means the GPU if there is one, else the CPU.

    Raises:
        ServiceError: it cannot be loaded.
    """
    import torch  # noqa: PLC0415
    import transformers  # noqa: PLC0415

    device = device or ("cuda" if torch.cuda.is_available() else "cpu")
    dtype = torch.float32 if device == "cpu" else "auto"
    with _loading(path, what):
        model: Any = getattr(transformers, auto_class).from_pretrained(
            path, dtype=dtype, trust_remote_code=False
        )
    return model.to(device).eval()


@contextlib.contextmanager
def _loading(path: str, what: str) -> Iterator[None]:
    """Around the loading of the model at ``path``.

    Raises ServiceUnavailableError where its hub is away, ServiceError where it cannot be loaded.
    """
    import transformers  # noqa: PLC0415

    from models import hub  # noqa: PLC0415
    from models.load_lock import LOAD_LOCK  # noqa: PLC0415

    logging: Any = transformers.utils.logging
    try:
        with LOAD_LOCK, _without_bars(logging):
            yield
    except (OSError, ValueError) as error:
        if hub.may_pass(error):
            raise ServiceUnavailableError(str(hub.unreachable(path, error))) from error
        reason = str(error).strip().partition("\n")[0]
        raise ServiceError(
            f"the model {path} cannot be loaded: {reason}",
            hint=f"Give the folder of {what}, or its id on the hub (which needs the internet once).",
        ) from error


@contextlib.contextmanager
def _without_bars(logging: Any) -> Iterator[None]:
    bars = logging.is_progress_bar_enabled()
    logging.disable_progress_bar()
    try:
        yield
    finally:
        if bars:
            logging.enable_progress_bar()
