"""Keeping one server running: reuse the living one, start a missing one, wait until it answers."""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Literal

from annotator.errors import ServiceError
from annotator.services import ports, processes
from annotator.services.folder import ProcessRecord, ServicesFolder
from annotator.services.server import TITLES, Server

_POLL_SECONDS = 0.25
_PROGRESS_SECONDS = 5.0
_REUSED_PATIENCE = 20.0
_MOVES = 5
_LETTING_GO = 5.0
_LOG_BYTES = 20_000_000

Outcome = Literal["healthy", "port lost", "ended", "silent"]


def mark(folder: ServicesFolder, name: str) -> str:
    """What the processes of service ``name`` carry in their environment."""
    return f"{folder.path}:{name}"


class Keeper:
    """One server of one project. ``ensure_started`` returns at once, ``wait`` when the server answers."""

    def __init__(self, server: Server, folder: ServicesFolder, progress: Callable[[str], None]) -> None:
        self._server = server
        self._title = TITLES[server.name]
        self._folder = folder
        self._progress = progress
        self._is_ours = False  # started by this very call
        self._avoid: set[int] = set()

    def ensure_started(self) -> None:
        """Start the server unless the recorded process lives."""
        if processes.alive(self._record()) is None:
            self._start()

    def wait(self) -> None:
        """Return when the server answers.

        A server that was found running but is dead or silent is started again, once. One whose port
        a stranger took meanwhile is started on another. Raises ServiceError, with the end of the log,
        when it ends or stays silent.
        """
        while (outcome := self._watch()) != "healthy":
            if outcome == "port lost" and len(self._avoid) < _MOVES:
                port = self._record_or_fail().port
                self._progress(f"Port {port} was taken by another program; {self._title} moves on")
                self._avoid.update({port} if port else set())
                self._start()
            elif not self._is_ours:
                self._progress(f"{self._title} does not answer any more; starting it again")
                self._start()
            else:
                raise self._failure(outcome)

    def _record(self) -> ProcessRecord | None:
        return self._folder.read().processes.get(self._server.name)

    def _record_or_fail(self) -> ProcessRecord:
        record = self._record()
        if record is None:
            raise self._failure("ended")
        return record

    def _start(self) -> None:
        server, folder = self._server, self._folder
        own_mark = mark(folder, server.name)
        processes.stop(own_mark, self._record())
        port = self._choose_port()
        self._progress(f"Starting {self._title}" + (f" on port {port}" if port else ""))
        _put_aside(folder.log(server.name))
        pid = processes.start(
            own_mark,
            server.command(port),
            server.environment(port),
            server.working_directory(),
            folder.log(server.name),
        )
        self._is_ours = True
        started = processes.describe(pid, port)
        if started is None:
            raise self._failure("ended")
        record = folder.read()
        record.processes[server.name] = started
        if port is not None:
            record.ports[server.name] = port
        folder.write(record)

    def _choose_port(self) -> int | None:
        if self._server.usual_port is None:
            return None
        recorded = self._folder.read().ports
        last = recorded.get(self._server.name)
        others = {port for name, port in recorded.items() if name != self._server.name}
        if last is not None and last not in self._avoid:
            ports.wait_until_free(last, _LETTING_GO)  # people have bookmarked it
        preferred = [port for port in (last, self._server.usual_port) if port is not None]
        return ports.choose(preferred, self._avoid | others)

    def _watch(self) -> Outcome:
        record = self._record_or_fail()
        began = time.time()
        limit = self._server.patience
        if not self._is_ours:
            limit = max(_REUSED_PATIENCE, limit - (began - record.create_time))
        told = began
        while time.time() - began < limit:
            outcome = self._look(record)
            if outcome != "silent":
                return outcome
            if time.time() - told >= _PROGRESS_SECONDS:
                told = time.time()
                self._progress(f"{self._title} is starting ({told - record.create_time:.0f} s)")
            time.sleep(_POLL_SECONDS)
        return "silent"

    def _look(self, record: ProcessRecord) -> Outcome:
        # Asked in this order, a server that begins to listen between two questions is not mistaken.
        is_taken = record.port is not None and ports.is_taken(record.port)
        process = processes.alive(record)
        is_own = process is not None and (record.port is None or processes.listens(process, record.port))
        if is_taken and not is_own:
            # A server that was just killed holds its port a moment longer: that is no stranger yet.
            return "port lost" if self._is_ours else "ended"
        if process is None:
            return "ended"
        return "healthy" if is_own and self._server.is_healthy(record) else "silent"

    def _failure(self, outcome: Outcome) -> ServiceError:
        log = self._folder.log(self._server.name)
        what = {
            "ended": "ended while it started",
            "silent": f"did not answer within {self._server.patience:.0f} s",
            "port lost": f"lost its port {_MOVES} times to other programs",
            "healthy": "answers",
        }[outcome]
        return ServiceError(
            f"{self._title} {what}. The end of its log:\n\n{processes.last_lines(log)}\n",
            hint=f"The whole log is {log}. Then run again: annotator up",
        )


def _put_aside(log: Path) -> None:
    """Keep one old log and start a new one, so that logs do not fill the disk over the years."""
    if log.exists() and log.stat().st_size > _LOG_BYTES:
        log.replace(log.with_suffix(".log.1"))
