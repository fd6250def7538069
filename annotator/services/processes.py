"""Starting processes that outlive us, knowing them again, and stopping them with all their children.

A started process carries a mark in its environment, which its children inherit. So whatever was
started for a project can be found without a record: after ``kill -9`` of a server whose child lives
on, or of ``annotator up`` between starting a server and writing that down.
"""

import os
import subprocess
import sys
import time
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import psutil

from annotator.errors import ServiceError
from annotator.services.folder import ProcessRecord

_MARK = "ANNOTATOR_SERVICE_PROCESS"

# Started through a process that ends at once, the server is nobody's child: it leaves no zombie and no
# warning in a long-lived caller. (The shell's own "&" would leave it deaf to SIGINT.)
_LAUNCH = """
import os, subprocess, sys
log = os.open(sys.argv[1], os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
process = subprocess.Popen(
    sys.argv[2:], stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True
)
print(process.pid, flush=True)
os._exit(0)
"""


def start(
    mark: str,
    command: Sequence[str],
    environment: Mapping[str, str],
    working_directory: Path,
    log: Path,
) -> int:
    """Start ``command`` detached, its output appended to ``log``; return its process id.

    Raises ServiceError when it cannot be executed at all.
    """
    launch = subprocess.run(
        [sys.executable, "-I", "-S", "-c", _LAUNCH, str(log), *command],
        env={**environment, _MARK: mark},
        cwd=working_directory,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    if launch.returncode != 0:
        reason = launch.stderr.strip().splitlines()[-1:]
        raise ServiceError(f"Cannot run {command[0]}: {' '.join(reason)}")
    return int(launch.stdout)


def describe(pid: int, port: int | None) -> ProcessRecord | None:
    """The record of a living process; None if it has ended."""
    try:
        return ProcessRecord(pid=pid, create_time=psutil.Process(pid).create_time(), port=port)
    except psutil.NoSuchProcess:
        return None


def alive(record: ProcessRecord | None) -> psutil.Process | None:
    """The recorded process if it is still that one and runs."""
    if record is None:
        return None
    try:
        process = psutil.Process(record.pid)
        # psutil derives the time from clock ticks: two readings agree far within a second.
        same = abs(process.create_time() - record.create_time) < 1.0
        return process if same and _runs(process) else None
    except psutil.NoSuchProcess:
        return None


def marked(mark: str) -> list[psutil.Process]:
    """Every living process of this user that was started with ``mark``, or descends from one."""
    return [process for process in psutil.process_iter() if _variable(process, _MARK) == mark]


def listens(process: psutil.Process, port: int) -> bool:
    """Whether the process or one of its children accepts connections on the port."""
    try:
        family = [process, *process.children(recursive=True)]
        return any(
            connection.status == psutil.CONN_LISTEN and connection.laddr.port == port
            for member in family
            for connection in member.net_connections("tcp")
        )
    except psutil.NoSuchProcess:
        return False
    except psutil.AccessDenied:
        return True  # a system that hides even our own sockets: the answer on the port has to do


def variable(record: ProcessRecord | None, name: str) -> str | None:
    """A variable of the environment that the recorded process was started with; None if it has ended."""
    process = alive(record)
    return None if process is None else _variable(process, name)


def stop(mark: str, record: ProcessRecord | None, grace: float = 20.0) -> bool:
    """End the recorded process, its children and all that carry ``mark``; after ``grace`` seconds by force.

    True if there was anything to end. Raises ServiceError if something survives even that.
    """
    family = _family(mark, record)
    if not family:
        return False
    _signal(family, force=False)
    _wait(family, grace)
    # Read again rather than kill the rest: a child may have been born meanwhile.
    survivors = _family(mark, record)
    _signal(survivors, force=True)
    if not _wait(survivors, 10.0):
        raise ServiceError(f"Process {survivors[0].pid} cannot be stopped.")
    return True


def last_lines(log: Path, count: int = 15) -> str:
    """The end of a log, for an error message."""
    try:
        lines = log.read_text(errors="replace").rstrip().splitlines()
    except FileNotFoundError:
        return "(no output)"
    return "\n".join(lines[-count:]) or "(no output)"


def _family(mark: str, record: ProcessRecord | None) -> list[psutil.Process]:
    found = {process.pid: process for process in marked(mark)}
    leader = alive(record)
    if leader is not None:
        found[leader.pid] = leader
        found.update({child.pid: child for child in leader.children(recursive=True)})
    # A flow run may itself call this: it must not end itself half way.
    ours = {os.getpid(), *(parent.pid for parent in psutil.Process().parents())}
    return [process for process in found.values() if process.pid not in ours and _runs(process)]


def _signal(family: Iterable[psutil.Process], force: bool) -> None:
    for process in family:
        try:
            if force:
                process.kill()
            else:
                process.terminate()
        except psutil.NoSuchProcess:
            continue


def _wait(family: Sequence[psutil.Process], seconds: float) -> bool:
    # Not psutil.wait_procs: it waits for zombies, and in a container nobody may ever collect them.
    end = time.monotonic() + seconds
    while any(_runs(process) for process in family):
        if time.monotonic() > end:
            return False
        time.sleep(0.05)
    return True


def _runs(process: psutil.Process) -> bool:
    """Whether any of its threads is left: a killed leader is a zombie while others still hold the port."""
    try:
        if not process.is_running():
            return False
        return bool(process.status() != psutil.STATUS_ZOMBIE or process.num_threads() > 1)
    except psutil.NoSuchProcess:
        return False


def _variable(process: psutil.Process, name: str) -> str | None:
    try:
        return process.environ().get(name)
    except (psutil.Error, OSError):
        return None  # another user's, or gone
