"""Where a flow labels shards: the study file's section, and whether what it needs is installed."""

from importlib.util import find_spec
from typing import Literal, Self

from pydantic import Field, model_validator

from annotator.errors import StudyError
from annotator.labeling.privacy import refuse_remote
from annotator.section import Section

_PACKAGES = {"dask": "prefect_dask", "ray": "prefect_ray"}


class Runner(Section):
    """Which of Prefect's task runners labels the shards, and how many bundles of them at a time.

    ``threads`` are threads of the flow run's own process; ``dask`` and ``ray`` start that many processes on
    this machine and stop them again, or use the running cluster at ``address``.
    """

    kind: Literal["threads", "dask", "ray"] = "threads"
    workers: int = Field(default=1, ge=1, le=1024, description="bundles of shards labelled at the same time")
    address: str | None = Field(
        default=None,
        min_length=1,
        description="a running cluster, such as tcp://10.0.0.5:8786 or ray://10.0.0.5:10001",
    )

    @model_validator(mode="after")
    def _threads_are_here(self) -> Self:
        if self.kind == "threads" and self.address is not None:
            raise ValueError("threads run in the flow's own process and have no address: use dask or ray")
        return self

    def check(self, *, local_only: bool) -> None:
        """Raise StudyError unless its packages are here, and its cluster may see texts."""
        self._refuse_missing()
        if local_only and self.address not in (None, "auto"):
            address = str(self.address)
            refuse_remote(address if "://" in address else f"//{address}", who="runner")

    def _refuse_missing(self) -> None:
        package = _PACKAGES.get(self.kind)
        if package and find_spec(package) is None:
            raise StudyError(
                f"runner.kind is {self.kind}, but the package {package.replace('_', '-')} is not installed",
                hint=f"Install the extra, pip install 'annotator[{self.kind}]', where the flows run, "
                "or set runner.kind to threads.",
            )

    def describe(self) -> str:
        """For people, in one line."""
        where = f" at {self.address}" if self.address else ""
        return f"{self.kind}{where}, {self.workers} at a time"
