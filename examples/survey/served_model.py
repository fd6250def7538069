"""The embedded model behind a real OpenAI-compatible server, for as long as the demo needs it."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx

from annotator.errors import ServiceError

ROOT = Path(__file__).parents[2]
MODEL, PORT = "models/embedded/survey", 8765  # study-served.yaml names them
START_SECONDS = 180


@contextmanager
def served_model(is_wanted: bool) -> Iterator[None]:
    """`transformers serve` on loopback while the block runs, or nothing."""
    if not is_wanted:
        yield
        return
    program = Path(sys.executable).parent / "transformers"
    command = [program, "serve", MODEL, "--device", "cpu", "--dtype", "float32"]
    command += ["--host", "127.0.0.1", "--port", str(PORT)]
    environment = {**os.environ, "HF_HUB_OFFLINE": "1"}
    quiet = subprocess.DEVNULL
    with subprocess.Popen(
        command, cwd=ROOT, env=environment, stdin=quiet, stdout=quiet, stderr=quiet
    ) as server:
        try:
            _wait_until_healthy(server)
            yield
        finally:
            server.terminate()


def _wait_until_healthy(server: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline and server.poll() is None:
        try:
            if httpx.get(f"http://127.0.0.1:{PORT}/health", timeout=5, trust_env=False).is_success:
                return
        except httpx.HTTPError:
            time.sleep(1)
    raise ServiceError(f"transformers serve did not start on port {PORT}", hint="Is the port taken?")
