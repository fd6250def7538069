"""Base models of the ``transformers`` library, from a folder, the hub, or those that are shipped."""

import hashlib
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

import httpx2
import torch
from transformers import AutoConfig, AutoTokenizer
from transformers.utils import logging as transformers_logging_module

from models import embedded, hub
from models.encoder_tokens import TextTokenizer
from models.errors import CannotFitError
from models.load_lock import LOAD_LOCK

transformers_logging: Any = transformers_logging_module

LONGEST = 512
Loaded = TypeVar("Loaded")


def place(base: str) -> str:
    """Where ``transformers`` finds a base: ``embedded:NAME`` is a folder of this package.

    Raises ValueError.
    """
    return str(embedded.path(base.removeprefix("embedded:"))) if base.startswith("embedded:") else base


def chosen_device(name: str | None) -> torch.device:
    """The named device, else the GPU if there is one, else the CPU."""
    return torch.device(name or ("cuda" if torch.cuda.is_available() else "cpu"))


def open_base(base: str, load: Callable[[str], Loaded]) -> tuple[Loaded, Any]:
    """A model, by ``load`` from the base's place, and its tokenizer.

    Raises CannotFitError, which names the base, if it cannot be loaded; UnreachableError if that may pass.
    """
    where = place(base)
    try:
        with loading():
            tokenizer = AutoTokenizer.from_pretrained(where)
            loaded = load(where)
    except (OSError, ValueError, KeyError, RuntimeError, ImportError, httpx2.TransportError) as error:
        if hub.may_pass(error):
            raise hub.unreachable(base, error) from error
        reason = next(iter(str(error).strip().splitlines()), type(error).__name__)
        raise CannotFitError(
            f"cannot load the base model {base!r}: {reason}. Name a folder with a model and its tokenizer, a "
            "hub id that this machine can reach, or embedded:encoder"
        ) from error
    if tokenizer.pad_token_id is None:
        tokenizer.pad_token = tokenizer.eos_token or tokenizer.unk_token
    return loaded, tokenizer


def refuse_unreachable(base: str) -> None:
    """Raise CannotFitError, which names the base, if its configuration or tokenizer cannot be loaded.

    Raises UnreachableError, at once, if the hub that it is to come from does not answer.
    """
    hub.refuse_silent(place(base))
    open_base(base, AutoConfig.from_pretrained)


def text_tokenizer(model: Any, tokenizer: Any, max_length: int | None, reserved: int = 0) -> TextTokenizer:
    """The tokenizer, bounded by what the model can take less ``reserved`` places, and by ``max_length``.

    Without a ``max_length`` the bound is 512 at most: long attention costs by the square.
    """
    places = getattr(model.config, "max_position_embeddings", None) or LONGEST
    # RoBERTa and its kin count positions from behind the padding.
    offset = getattr(getattr(model.base_model, "embeddings", None), "padding_idx", None)
    room = min(places - (0 if offset is None else offset + 1), tokenizer.model_max_length) - reserved
    bound = min(room, max_length or LONGEST)
    if bound < 8:
        raise CannotFitError(f"the base model takes {room} tokens beside {reserved} of its own: too few")
    return TextTokenizer(tokenizer, int(bound))


def fingerprint(model: Any, without: set[str]) -> str:
    """A hash of a model's weights except those named: whether two bases are the same."""
    digest = hashlib.sha256()
    for name, weight in sorted(model.state_dict().items()):
        if name not in without:
            digest.update(name.encode())
            digest.update(weight.detach().cpu().contiguous().view(-1).view(torch.uint8).numpy().data)
    return digest.hexdigest()[:16]


@contextmanager
def loading() -> Iterator[None]:
    """Around the opening, changing and writing of models: one thread at a time, and without a sound.

    Keeps ``transformers`` from printing bars and reports, and from warnings about its own future.
    """
    with LOAD_LOCK, warnings.catch_warnings():
        verbosity, bars = transformers_logging.get_verbosity(), transformers_logging.is_progress_bar_enabled()
        transformers_logging.set_verbosity_error()
        transformers_logging.disable_progress_bar()
        warnings.simplefilter("ignore", FutureWarning)
        try:
            yield
        finally:
            transformers_logging.set_verbosity(verbosity)
            if bars:
                transformers_logging.enable_progress_bar()
