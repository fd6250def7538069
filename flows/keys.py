"""Keys that a study keeps in Prefect's Secret blocks, lent to a stage for as long as it runs."""

from contextlib import AbstractContextManager

from prefect.blocks.system import Secret

from annotator.errors import StudyError
from annotator.labeling.keys import blocks_read_by


def secret_blocks() -> AbstractContextManager[None]:
    """Within this context, `api_key_block` of the study file is read from Prefect, in this process."""
    return blocks_read_by(_read)


def _read(name: str) -> str:
    try:
        block = Secret.load(name)
    except ValueError as error:
        raise StudyError(
            f"Prefect has no Secret block '{name}'",
            hint="Make it on the Blocks page of Prefect, or correct api_key_block in the study file.",
        ) from error
    assert isinstance(block, Secret)
    return str(block.get())
