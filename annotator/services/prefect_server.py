"""The Prefect server of a project, and the worker that runs its flows. Prefect is called as a program."""

import os
import sys
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import httpx

from annotator.errors import ServiceError
from annotator.services.folder import ENVIRONMENT_VARIABLE, ProcessRecord, ServicesFolder
from annotator.services.ports import LOOPBACK
from annotator.services.server import PREFECT, PREFECT_WORKER, minimal_environment

WORK_POOL = "annotator"
_WORKER = "this-machine"


@dataclass(frozen=True)
class PrefectServer:
    """How to run ``prefect server``: SQLite under ``.services/prefect``, no telemetry."""

    folder: ServicesFolder
    name: str = PREFECT
    usual_port: int = 4200
    patience: float = 300.0

    def working_directory(self) -> Path:
        """Its data folder."""
        return _prefect_home(self.folder)

    def command(self, port: int | None) -> list[str]:
        """Listens on the loopback interface."""
        return [str(find_executable()), "server", "start", "--host", LOOPBACK, "--port", str(port)]

    def environment(self, port: int | None) -> dict[str, str]:
        """The address is needed by the server too: its page would otherwise call the default port."""
        return {
            **minimal_environment(),
            **_prefect_settings(self.folder, f"http://{LOOPBACK}:{port}/api"),
            "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
            "PREFECT_SERVER_UI_SHOW_PROMOTIONAL_CONTENT": "false",
        }

    def is_healthy(self, record: ProcessRecord) -> bool:
        """``/api/health`` says true."""
        return server_is_healthy(record)


@dataclass(frozen=True)
class PrefectWorker:
    """How to run the process worker of the pool ``annotator``, which it creates if there is none."""

    folder: ServicesFolder
    api_url: str
    name: str = PREFECT_WORKER
    usual_port: None = None
    patience: float = 180.0

    def working_directory(self) -> Path:
        """The project's root, where flow runs start."""
        return self.folder.root

    def command(self, port: int | None) -> list[str]:
        """One worker, of type process."""
        del port
        pool = ["--pool", WORK_POOL, "--type", "process", "--name", _WORKER]
        return [str(find_executable()), "worker", "start", *pool]

    def environment(self, port: int | None) -> dict[str, str]:
        """The user's own, for flow runs may need its keys and proxies; Prefect's settings are ours alone."""
        del port
        own = {name: value for name, value in os.environ.items() if not name.startswith("PREFECT_")}
        path = os.pathsep.join([str(Path(sys.executable).parent), own.get("PATH", os.defpath)])
        direct = ",".join(filter(None, [own.get("NO_PROXY"), LOOPBACK, "localhost"]))
        return {
            **own,
            **_prefect_settings(self.folder, self.api_url),
            "PATH": path,
            "NO_PROXY": direct,
            "no_proxy": direct,
            "PYTHONUNBUFFERED": "1",
            ENVIRONMENT_VARIABLE: str(self.folder.root),
            "PREFECT_FLOWS_HEARTBEAT_FREQUENCY": "30",
            "PREFECT_WORKER_QUERY_SECONDS": "2",
        }

    def is_healthy(self, record: ProcessRecord) -> bool:
        """The server has heard from the worker."""
        return worker_is_healthy(self.api_url, record)


def api_url(record: ProcessRecord) -> str:
    """The address of the API of the recorded server."""
    return f"http://{LOOPBACK}:{record.port}/api"


def server_is_healthy(record: ProcessRecord) -> bool:
    """Whether the Prefect server on the recorded port says that it is up."""
    try:
        answer = httpx.get(f"{api_url(record)}/health", timeout=10, trust_env=False)
        return answer.status_code == httpx.codes.OK and answer.json() is True
    except (httpx.HTTPError, ValueError):
        return False


def worker_is_healthy(api: str, record: ProcessRecord) -> bool:
    """Whether the Prefect server hears from the recorded worker, and not only heard from one before it."""
    try:
        answer = httpx.post(
            f"{api}/work_pools/{WORK_POOL}/workers/filter", json={}, timeout=10, trust_env=False
        )
        workers = answer.json() if answer.status_code == httpx.codes.OK else []
    except (httpx.HTTPError, ValueError):
        return False
    return any(
        worker["name"] == _WORKER
        and worker["status"] == "ONLINE"
        and datetime.fromisoformat(worker["last_heartbeat_time"]).timestamp() > record.create_time
        for worker in workers
    )


def find_executable() -> Path:
    """The ``prefect`` program beside the running Python. Raises ServiceError when it is not there."""
    path = Path(sys.executable).parent / "prefect"
    if not os.access(path, os.X_OK):
        raise ServiceError(
            f"Prefect is not installed beside {sys.executable}.",
            hint="Run: make install. Then use .venv/bin/annotator.",
        )
    return path


def _prefect_home(folder: ServicesFolder) -> Path:
    home = folder.path / "prefect"
    home.mkdir(exist_ok=True)
    return home


def _prefect_settings(folder: ServicesFolder, api_url: str) -> dict[str, str]:
    return {
        "PREFECT_HOME": str(_prefect_home(folder)),
        "PREFECT_API_URL": api_url,
        "DO_NOT_TRACK": "1",
    }
