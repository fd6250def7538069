"""Fixtures of the tests that need real servers: started once a session, in a folder of their own.

They use other ports than a person's own services, and no test ever finds those: ``ANNOTATOR_SERVICES``
names the folder of the session for as long as it lasts.
"""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from annotator import services as local_services
from annotator.services import Services

# The models of the tests are tiny: more threads only wait for each other, and long on a busy machine.
os.environ.setdefault("OMP_NUM_THREADS", "2")


_SERVERS = {"label_studio", "services"}


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Several workers share the files among them; all that needs the session's servers goes to one."""
    for item in items:
        needs_servers = _SERVERS.intersection(getattr(item, "fixturenames", ()))
        group = "servers" if needs_servers else item.nodeid.partition("::")[0]
        item.add_marker(pytest.mark.xdist_group(group))


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
