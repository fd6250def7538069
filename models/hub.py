"""The hub that base models come from: which of its failures pass, and whether it answers now."""

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import httpx2
import huggingface_hub
from huggingface_hub.errors import HfHubHTTPError, HFValidationError, OfflineModeIsEnabled

from models.errors import UnreachableError

PATIENCE = 5.0  # seconds
_TOO_MANY_REQUESTS, _SERVER_ERROR = 429, 500


def may_pass(error: BaseException) -> bool:
    """Whether an error, or one that led to it, is of a network or a busy server, and not of what was asked.

    A base that the hub does not have, or does not give to this user, stays so; so does a hub that
    ``HF_HUB_OFFLINE`` forbids.

    >>> may_pass(TimeoutError())
    True
    >>> may_pass(FileNotFoundError())
    False
    """
    return any(_is_passing(each) for each in _with_causes(error))


def refuse_silent(base: str) -> None:
    """Raise UnreachableError for a base that is not on this machine, if the hub does not answer now.

    The hub is asked once. Loading would try for most of a minute, and say so line by line.
    """
    with suppress(HfHubHTTPError, HFValidationError, OfflineModeIsEnabled):  # loading says what is wrong
        if Path(base).is_dir() or huggingface_hub.try_to_load_from_cache(base, "config.json") is not None:
            return
        try:
            huggingface_hub.model_info(base, timeout=PATIENCE)
        except (HfHubHTTPError, httpx2.TransportError) as error:
            if may_pass(error):
                raise unreachable(base, error) from error
            raise


def unreachable(base: str, error: BaseException) -> UnreachableError:
    """The error of a base that cannot be had now."""
    reason = next(iter(str(error).strip().splitlines()), type(error).__name__)
    return UnreachableError(
        f"cannot load the model {base!r} now: {reason}. Try again when the hub at "
        f"{huggingface_hub.constants.ENDPOINT} answers, or name a folder with a model and its tokenizer"
    )


def _is_passing(error: BaseException) -> bool:
    if isinstance(error, HfHubHTTPError):
        status = error.response.status_code
        return status == _TOO_MANY_REQUESTS or status >= _SERVER_ERROR
    is_of_network = isinstance(error, httpx2.TransportError | ConnectionError | TimeoutError)
    return is_of_network and not isinstance(error, OfflineModeIsEnabled)


def _with_causes(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__
