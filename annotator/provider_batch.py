"""The study file's section for a provider's batch interface: answers within a day, for less."""

from pydantic import Field

from annotator.section import Section


class ProviderBatch(Section):
    """How questions are handed in as files (``/v1/files`` and ``/v1/batches`` of the OpenAI protocol)."""

    requests: int = Field(default=50_000, ge=1, le=50_000, description="most questions in one file")
    at_once: int = Field(default=4, ge=1, le=100, description="most batches with the provider at a time")
    attempts: int = Field(default=3, ge=1, le=20, description="how often a question is handed in")
    price_factor: float = Field(default=0.5, ge=0, le=1, description="of price_in and price_out")


def from_switch(value: object) -> object:
    """``true`` is a section of defaults, ``false`` is none."""
    if isinstance(value, bool):
        return {} if value else None
    return value
