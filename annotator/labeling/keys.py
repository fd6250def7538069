"""Where an endpoint's key comes from: the environment, or a secret store that whoever runs us can read.

Prefect's Secret blocks are such a store. This package does not know Prefect: a flow lends its way of reading
a block for as long as a stage runs, within its own process. The key is held by the connection alone.
"""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from annotator.errors import StudyError
from annotator.machines import OpenAIMachine

ReadBlock = Callable[[str], str]
"""The secret in a block, by the block's name. Raises AnnotatorError."""

_read_block: ContextVar[ReadBlock | None] = ContextVar("read_block", default=None)


@contextmanager
def blocks_read_by(read: ReadBlock) -> Iterator[None]:
    """Keys that a study keeps in secret blocks are read this way in here."""
    token = _read_block.set(read)
    try:
        yield
    finally:
        _read_block.reset(token)


def api_key(machine: OpenAIMachine) -> str | None:
    """The key of a section's endpoint; None where none is set and the endpoint may need none.

    Raises StudyError where a key is needed and cannot be had here.
    """
    read = _read_block.get()
    if machine.api_key_block and read:
        return read(machine.api_key_block)
    if machine.api_key_block and "api_key_env" not in machine.model_fields_set:
        raise StudyError(
            f"machine annotator '{machine.name}' keeps its key in the secret block "
            f"'{machine.api_key_block}', which only a flow of Prefect can read",
            hint="Let the flows do it (`annotator deploy`), or name an environment variable for commands, "
            "api_key_env, in the study file too.",
        )
    key = os.environ.get(machine.api_key_env)
    if key is None and (machine.base_url is None or machine.api_key_block):
        raise StudyError(
            f"machine annotator '{machine.name}' needs a key",
            hint=f"Set the environment variable {machine.api_key_env}, or name a base_url that needs none.",
        )
    return key
