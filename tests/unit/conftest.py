"""Fixtures of the unit tests."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import tiny_model

from annotator.labeling import endpoint
from annotator.labeling.cache import ReplyCache


@pytest.fixture(scope="session")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a chat model that knows ``tiny_model.TEXTS`` by heart."""
    return tiny_model.build(tmp_path_factory.mktemp("tiny"))


@pytest.fixture
def cache(tmp_path: Path) -> Iterator[ReplyCache]:
    """An empty reply cache."""
    replies = ReplyCache(tmp_path / "replies.sqlite")
    yield replies
    replies.close()


@pytest.fixture
def no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    """Requests that failed are tried again at once."""
    monkeypatch.setattr(endpoint, "backoff", lambda *_: 0.0)
