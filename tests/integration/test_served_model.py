"""The embedded model behind a real OpenAI-compatible server, against the same model in this process."""

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from annotator import study_file
from annotator.errors import ServiceError, ServiceUnavailableError
from annotator.labeling.cache import ReplyCache
from annotator.labeling.local import TransformersAnnotator
from annotator.labeling.openai import OpenAIAnnotator
from annotator.labeling.prompts import Prompts
from annotator.labeling.protocol import Unit, to_table
from models import embedded

pytestmark = pytest.mark.integration

START_SECONDS = 180
CODEBOOK = study_file.read(Path(__file__).parents[2] / "examples" / "survey" / "study.yaml").codebook
PROMPTS = Prompts(CODEBOOK)
WHAT = ["rent", "hospital waiting lists", "the border", "the dying rivers", "burglaries", "lazy politicians"]
HOW = ["{}, every day", "I worry most about {}", "{}!!!", "nobody talks about {}", "it is {} again"]
UNITS = [Unit(f"{i}-{j}", how.format(what)) for i, what in enumerate(WHAT) for j, how in enumerate(HOW)]


@dataclass
class Served:
    """A running ``transformers serve``."""

    process: "subprocess.Popen[bytes]"
    model: str
    base_url: str

    def annotator(self, cache: ReplyCache) -> OpenAIAnnotator:
        return OpenAIAnnotator(
            "served",
            model=self.model,
            base_url=self.base_url,
            api_key=None,
            prompts=PROMPTS,
            codebook=CODEBOOK,
            cache=cache,
            concurrency=4,
            attempts=2,
        )


def _free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


def _wait_until_healthy(url: str, process: "subprocess.Popen[bytes]", log: Path) -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        try:
            if httpx.get(url, timeout=5, trust_env=False).is_success:
                return
        except httpx.HTTPError:
            time.sleep(0.5)
    pytest.fail(f"transformers serve did not start:\n{log.read_text()[-3000:]}")


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    model, port = str(embedded.path("survey")), _free_port()
    command = [str(Path(sys.executable).parent / "transformers"), "serve", model, "--host", "127.0.0.1"]
    command += ["--port", str(port), "--device", "cpu", "--dtype", "float32"]
    log = tmp_path_factory.mktemp("served") / "log.txt"
    with log.open("wb") as output:
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            env={**os.environ, "HF_HUB_OFFLINE": "1"},
        )
    try:
        _wait_until_healthy(f"http://127.0.0.1:{port}/health", process, log)
        yield Served(process, model, f"http://127.0.0.1:{port}/v1")
    finally:
        process.kill()
        process.wait()


@pytest.fixture
def cache(tmp_path: Path) -> Iterator[ReplyCache]:
    replies = ReplyCache(tmp_path / "replies.sqlite")
    yield replies
    replies.close()


def test_served_and_in_process_agree_and_nothing_is_asked_twice(served: Served, cache: ReplyCache) -> None:
    here = TransformersAnnotator("here", model_path=served.model, prompts=PROMPTS, codebook=CODEBOOK)
    there = served.annotator(cache)
    assert served.model in there.check()
    local, remote = here.label(UNITS), there.label(UNITS)

    assert [row.unit_id for row in remote] == [unit.unit_id for unit in UNITS]
    assert sum(a.label == b.label for a, b in zip(local, remote, strict=True)) >= 0.9 * len(UNITS)
    assert sum(a.confidence == b.confidence for a, b in zip(local, remote, strict=True)) >= 0.9 * len(UNITS)
    assert sum(row.status == "ok" for row in remote) >= 0.9 * len(UNITS)
    assert all(row.tokens_in > 0 for row in remote)
    assert to_table(remote).num_rows == len(UNITS)

    again = served.annotator(cache)
    assert [row.label for row in again.label(UNITS)] == [row.label for row in remote]
    assert again.calls == 0


def test_a_model_the_server_does_not_have_is_refused(served: Served, cache: ReplyCache) -> None:
    annotator = Served(served.process, "no-such-model", served.base_url).annotator(cache)
    with pytest.raises(ServiceError, match="no-such-model") as caught:
        annotator.check()
    assert not caught.value.retryable


def test_a_server_that_went_away_is_unavailable(served: Served, cache: ReplyCache) -> None:
    """Last of the module: it stops the server."""
    annotator = served.annotator(cache)
    known = annotator.label(UNITS[:3])
    served.process.kill()
    served.process.wait()
    with pytest.raises(ServiceUnavailableError, match="no connection"):
        annotator.label(UNITS)
    assert [row.label for row in annotator.label(UNITS[:3])] == [row.label for row in known]
