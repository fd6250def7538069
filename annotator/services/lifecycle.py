"""``up`` and ``down``: each can be killed at any moment and simply be run again."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import filelock

from annotator.services import label_studio_server, prefect_server, processes, webhook_receiver
from annotator.services.automation import ensure_zombie_automation
from annotator.services.folder import Services, ServicesFolder
from annotator.services.keeper import Keeper, mark
from annotator.services.label_studio_server import LabelStudioServer
from annotator.services.prefect_server import PrefectServer, PrefectWorker
from annotator.services.server import PREFECT, TITLES, Server
from annotator.services.webhook_receiver import WebhookReceiver

Progress = Callable[[str], None]


def up(root: Path, *, prefect: bool = True, progress: Progress = lambda message: None) -> Services:
    """Start the services of the project at ``root`` that do not run already; return when all answer.

    Without ``prefect`` only Label Studio is started. ``progress`` receives a line of text every few
    seconds, for the first start takes about a minute. Raises ServiceError, with the end of the log,
    when a server does not come up.
    """
    folder = ServicesFolder(root.resolve())
    folder.create()
    with _exclusive(folder, progress):
        credentials = folder.ensure_credentials()
        executable = label_studio_server.find_executable(folder.root)
        label_studio = Keeper(LabelStudioServer(folder, executable, credentials), folder, progress)
        label_studio.ensure_started()  # it boots while Prefect does
        if prefect:
            _bring_up_prefect(folder, progress)
        label_studio.wait()
        services = folder.services()
        assert services is not None  # Label Studio was just recorded
        confirmed = label_studio_server.confirm_token(services.label_studio_url, credentials)
        if confirmed != credentials:
            folder.store_credentials(confirmed)
        return services


def down(root: Path, *, progress: Progress = lambda message: None) -> list[str]:
    """Stop whatever ``up`` started for ``root``, with all its children; return the titles of what ran.

    Data stay. Processes that ``up`` did not start are never touched.
    """
    folder = ServicesFolder(root.resolve())
    if not folder.path.is_dir():
        return []
    stopped = []
    with _exclusive(folder, progress):
        for name, title in TITLES.items():
            record = folder.read()
            progress(f"Stopping {title}")
            if processes.stop(mark(folder, name), record.processes.pop(name, None)):
                stopped.append(title)
            folder.write(record)
    return stopped


def _bring_up_prefect(folder: ServicesFolder, progress: Progress) -> None:
    server = Keeper(PrefectServer(folder), folder, progress)
    server.ensure_started()
    server.wait()
    record = folder.read()
    api_url = prefect_server.api_url(record.processes[PREFECT])
    callers: list[Server] = [PrefectWorker(folder, api_url)]
    if webhook_receiver.has_address():
        folder.ensure_webhook_secret()
        callers.append(WebhookReceiver(folder, api_url))
    keepers = [Keeper(caller, folder, progress) for caller in callers]
    for caller, keeper in zip(callers, keepers, strict=True):
        former = record.processes.get(caller.name)
        if processes.variable(former, "PREFECT_API_URL") != api_url:
            processes.stop(mark(folder, caller.name), former)  # it calls a port that the server has left
        keeper.ensure_started()
    ensure_zombie_automation(api_url)
    for keeper in keepers:
        keeper.wait()


@contextmanager
def _exclusive(folder: ServicesFolder, progress: Progress) -> Iterator[None]:
    """One ``up`` or ``down`` at a time; the lock of a killed one is free."""
    lock = filelock.FileLock(folder.path / "lock")
    while True:
        try:
            lock.acquire(timeout=5)
            break
        except filelock.Timeout:
            progress("Waiting for another annotator up or down of this project")
    try:
        yield
    finally:
        lock.release()
