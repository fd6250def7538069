"""A PostgreSQL of one's own in a folder: a cluster on loopback, behind a password, gone with the folder."""

import contextlib
import os
import secrets
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

_DEBIAN = Path("/usr/lib/postgresql")


def programs() -> Path | None:
    """The folder of ``initdb`` and ``pg_ctl``: that of the PATH, or the newest where Debian keeps them."""
    on_path = shutil.which("initdb")
    found = [Path(on_path).resolve()] if on_path else sorted(_DEBIAN.glob("*/bin/initdb"), key=_version)
    return found[-1].parent if found else None


def _version(program: Path) -> float:
    return float(program.parents[1].name)


def why_not() -> str | None:
    """Why there can be no PostgreSQL here; None where there can."""
    if programs() is None:
        return "no PostgreSQL server is installed (Debian: apt-get install postgresql)"
    if os.geteuid() == 0 and shutil.which("runuser") is None:
        return "PostgreSQL does not run as root, and there is no runuser"
    return None


@contextlib.contextmanager
def running() -> Iterator[str]:
    """The address of a new, empty database; it is stopped and removed at the end."""
    folder = Path(tempfile.mkdtemp(prefix="postgresql-"))
    data, password = folder / "data", secrets.token_urlsafe(18)
    (folder / "password").write_text(password)
    if os.geteuid() == 0:
        for path in (folder, folder / "password"):
            shutil.chown(path, "postgres")
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    asks = ["--username=postgres", "--auth=scram-sha-256", f"--pwfile={folder / 'password'}"]
    _call("initdb", [f"--pgdata={data}", "--encoding=UTF8", "--locale=C.UTF-8", *asks])
    options = f"-c listen_addresses=127.0.0.1 -c port={port} -c unix_socket_directories="
    _call(
        "pg_ctl", [f"--pgdata={data}", f"--log={folder / 'log'}", f"--options={options}", "--wait", "start"]
    )
    try:
        yield f"postgresql://postgres:{password}@127.0.0.1:{port}/postgres"
    finally:
        _call("pg_ctl", [f"--pgdata={data}", "--mode=immediate", "--wait", "stop"])
        shutil.rmtree(folder, ignore_errors=True)


def _call(program: str, arguments: Sequence[str]) -> None:
    folder = programs()
    assert folder is not None
    # The server refuses root; Debian's package makes an account for it.
    as_other = ["runuser", "-u", "postgres", "--"] if os.geteuid() == 0 else []
    done = subprocess.run(
        [*as_other, str(folder / program), *arguments],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,  # pg_ctl's server would hold a pipe open
        stderr=subprocess.DEVNULL,
        cwd="/",
        check=False,
    )
    assert done.returncode == 0, f"{program} ended with {done.returncode}"
