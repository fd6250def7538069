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

import pytest
from xdist.scheduler import LoadScopeScheduling

from annotator import services as local_services
from annotator.services import Services

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
    """A running Label Studio. Prefect may run beside it, if another test asked for ``services``."""
    return local_services.up(services_root, prefect=False, progress=print)


@pytest.fixture(scope="session")
def services(services_root: Path) -> Services:
    """A running Label Studio (the same as ``label_studio``), Prefect server and worker."""
    return local_services.up(services_root, progress=print)
