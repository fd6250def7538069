"""Fixtures of the tests that need real servers: started once a session, in a folder of their own.

They use other ports than a person's own services, and no test ever finds those: ``ANNOTATOR_SERVICES``
names the folder of the session for as long as it lasts.
"""

import os
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import postgresql
import pytest
from xdist.scheduler import LoadScopeScheduling

from annotator import services as local_services
from annotator.services import Services
from annotator.services.label_studio_database import DATABASE_VARIABLE

# The models of the tests are tiny: more threads only wait for each other, and long on a busy machine.
os.environ.setdefault("OMP_NUM_THREADS", "2")


class FileByFile(LoadScopeScheduling):  # type: ignore[misc]
    """Hands the tests of a file to one worker, and all files that ask for the session's servers to one."""

    def _split_scope(self, nodeid: str) -> str:
        path = nodeid.partition("::")[0]
        return "servers" if needs_servers(self.config.rootpath / path) else path


@cache
def needs_servers(path: Path) -> bool:
    """Whether tests of a file ask for ``label_studio`` or ``services``."""
    return (
        re.search(r'\b(label_studio|services): Services|"(label_studio|services)"\)', path.read_text())
        is not None
    )


def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> FileByFile:
    """The order in which several workers get tests."""
    return FileByFile(config, log)


@pytest.fixture(scope="session", autouse=True)
def services_root(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A project folder whose services, if any were started, are down again when the session ends."""
    root = tmp_path_factory.mktemp("project")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ANNOTATOR_SERVICES", str(root))
        try:
            yield root
        finally:
            local_services.down(root)


@pytest.fixture(scope="session")
def label_studio(services_root: Path) -> Services:
    """A running Label Studio, in another time zone. Prefect may run beside it, if asked for by a test."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TZ", "Pacific/Auckland")
        return local_services.up(services_root, prefect=False, progress=print)


@pytest.fixture(scope="session")
def label_studio_on_postgresql(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Services]:
    """Another running Label Studio, on a PostgreSQL of its own; skipped where there is none."""
    if (reason := postgresql.why_not()) is not None:
        pytest.skip(reason)
    root = tmp_path_factory.mktemp("on-postgresql")
    with postgresql.running() as address:
        try:
            with pytest.MonkeyPatch.context() as patch:
                patch.setenv(DATABASE_VARIABLE, address)
                running = local_services.up(root, prefect=False, progress=print)
            yield running
        finally:
            local_services.down(root)


@pytest.fixture(scope="session")
def services(services_root: Path, label_studio: Services) -> Services:
    """A running Label Studio (the same as ``label_studio``), Prefect server and worker."""
    del label_studio  # it is up before the others, in its own time zone
    return local_services.up(services_root, progress=print)
