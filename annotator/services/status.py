"""Whether the services of a project answer."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from annotator.services import prefect_server, processes
from annotator.services.folder import Record, ServicesFolder
from annotator.services.health import says_up
from annotator.services.ports import LOOPBACK
from annotator.services.server import LABEL_STUDIO, PREFECT, PREFECT_WORKER, TITLES, WEBHOOK_RECEIVER


@dataclass(frozen=True)
class ServiceStatus:
    """One service: ``healthy``; ``silent`` (its process lives but gives no proper answer); or ``stopped``."""

    name: str
    title: str
    state: Literal["healthy", "silent", "stopped"]
    address: str | None
    log: Path


def status(root: Path) -> list[ServiceStatus]:
    """Ask each service of the project at ``root`` how it is; starts and changes nothing."""
    folder = ServicesFolder(root.resolve())
    record = folder.read()
    return [_ask(name, record, folder) for name in reversed(TITLES)]


def _ask(name: str, record: Record, folder: ServicesFolder) -> ServiceStatus:
    process = record.processes.get(name)
    lives = processes.alive(process) is not None
    state: Literal["healthy", "silent", "stopped"] = "stopped"
    if lives:
        state = "healthy" if _is_healthy(name, record) else "silent"
    address = f"http://{LOOPBACK}:{process.port}" if process and process.port else None
    return ServiceStatus(name, TITLES[name], state, address if lives else None, folder.log(name))


def _is_healthy(name: str, record: Record) -> bool:
    process = record.processes[name]
    if name in {LABEL_STUDIO, WEBHOOK_RECEIVER}:
        return says_up(process)
    if name == PREFECT:
        return prefect_server.server_is_healthy(process)
    assert name == PREFECT_WORKER
    server = record.processes.get(PREFECT)
    return server is not None and prefect_server.worker_is_healthy(prefect_server.api_url(server), process)
