"""Fixtures of the tests that run flows in this process."""

from collections.abc import Iterator

import pytest
from prefect.testing.utilities import prefect_test_harness


@pytest.fixture(scope="module")
def prefect() -> Iterator[None]:
    """A Prefect server of this module, known to the flows that run in it."""
    with prefect_test_harness(server_startup_timeout=120):
        yield
