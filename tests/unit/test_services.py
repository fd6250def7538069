"""The parts of ``annotator.services`` that need neither Label Studio nor Prefect.

Real processes all the same: a few lines of Python that listen, die, fork or refuse to end.
"""

import json
import os
import platform
import signal
import socket
import stat
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import psutil
import pytest

from annotator.errors import ServiceError, ServiceUnavailableError
from annotator.services import (
    down,
    ensure_zombie_automation,
    find,
    label_studio_server,
    ports,
    processes,
    status,
)
from annotator.services.folder import Credentials, ProcessRecord, Record, ServicesFolder
from annotator.services.keeper import Keeper, mark
from annotator.services.label_studio_server import LabelStudioServer
from annotator.services.prefect_server import PrefectServer, PrefectWorker
from annotator.services.server import LABEL_STUDIO, TITLES, minimal_environment

SECRETS = Credentials("someone@localhost", "the-password", "the-token")

ANSWERS = """
import http.server, socketserver, sys
handler = http.server.SimpleHTTPRequestHandler
socketserver.TCPServer.allow_reuse_address = True
socketserver.TCPServer(("127.0.0.1", int(sys.argv[1])), handler).serve_forever()
"""
# Like Label Studio: takes another port by itself when the wanted one is taken.
MOVES = """
import http.server, socketserver, sys
handler = http.server.SimpleHTTPRequestHandler
try:
    server = socketserver.TCPServer(("127.0.0.1", int(sys.argv[1])), handler)
except OSError:
    server = socketserver.TCPServer(("127.0.0.1", 0), handler)
server.serve_forever()
"""
DIES = "print('no database'); raise SystemExit(1)"
STUBBORN_FAMILY = """
import signal, subprocess, sys, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
if len(sys.argv) > 1:
    subprocess.Popen([sys.executable, "-c", sys.argv[1]])
print("ready", flush=True)
time.sleep(600)
"""

# What a kill looks like half way: the leader is a zombie, a thread still holds the port.
LEADERLESS = """
import ctypes, socket, threading, time
listener = socket.create_server(("127.0.0.1", 0))
threading.Thread(target=time.sleep, args=(600,)).start()
print("ready", listener.getsockname()[1], flush=True)
ctypes.CDLL(None).syscall(60, 0)
"""


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[ServicesFolder]:
    folder = ServicesFolder(tmp_path)
    folder.create()
    yield folder
    down(tmp_path)


@pytest.fixture
def taken_port() -> Iterator[int]:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield int(listener.getsockname()[1])


@dataclass(frozen=True)
class Program:
    """A server for the keeper: a Python program that gets its port as its argument."""

    folder: ServicesFolder
    source: str
    usual_port: int
    name: str = LABEL_STUDIO
    patience: float = 60.0

    def working_directory(self) -> Path:
        return self.folder.path

    def command(self, port: int | None) -> list[str]:
        return [sys.executable, "-c", self.source, str(port)]

    def environment(self, port: int | None) -> dict[str, str]:
        return minimal_environment()

    def is_healthy(self, record: ProcessRecord) -> bool:
        try:
            return httpx.get(f"http://127.0.0.1:{record.port}", trust_env=False).is_success
        except httpx.HTTPError:
            return False


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


def wait_for(condition: Callable[[], bool]) -> None:
    while not condition():
        time.sleep(0.02)


def keep(folder: ServicesFolder, source: str, port: int) -> ProcessRecord:
    keeper = Keeper(Program(folder, source, port), folder, lambda message: None)
    keeper.ensure_started()
    keeper.wait()
    return folder.read().processes[LABEL_STUDIO]


# Ports


def test_a_taken_port_is_not_chosen(taken_port: int) -> None:
    assert ports.is_taken(taken_port)
    assert not ports.is_free(taken_port)
    assert ports.choose([taken_port], set()) != taken_port


def test_the_preferred_port_is_chosen_unless_it_is_to_be_avoided() -> None:
    port = free_port()
    assert ports.choose([port], set()) == port
    assert ports.choose([port], {port}) != port


def test_the_port_of_a_server_that_was_just_killed_is_waited_for(folder: ServicesFolder) -> None:
    listener = socket.create_server(("127.0.0.1", 0))
    port = int(listener.getsockname()[1])
    folder.write(Record(ports={LABEL_STUDIO: port}))
    timer = threading.Timer(0.5, listener.close)
    timer.start()
    assert keep(folder, ANSWERS, free_port()).port == port
    timer.join()


# The folder and what it tells


def test_credentials_are_private_random_and_stable(folder: ServicesFolder, tmp_path: Path) -> None:
    credentials = folder.ensure_credentials()
    path = folder.path / "credentials.json"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(folder.path.stat().st_mode) == 0o700
    assert folder.ensure_credentials() == credentials
    other = ServicesFolder(tmp_path / "other")
    other.create()
    assert other.ensure_credentials().token != credentials.token


def test_no_representation_shows_a_secret(folder: ServicesFolder) -> None:
    folder.store_credentials(SECRETS)
    folder.write(Record(processes={LABEL_STUDIO: ProcessRecord(pid=1, create_time=0.0, port=8080)}))
    server = LabelStudioServer(folder, Path("label-studio"), SECRETS)
    shown = [repr(SECRETS), str(SECRETS), repr(server), repr(folder.services()), *server.command(8080)]
    shown.append((folder.path / "services.json").read_text())
    for text in shown:
        assert SECRETS.password not in text
        assert SECRETS.token not in text


@pytest.mark.parametrize("content", ["{", "[]", '{"username": "a"}'])
def test_damaged_credentials_are_an_error_and_are_not_replaced(folder: ServicesFolder, content: str) -> None:
    path = folder.path / "credentials.json"
    path.write_text(content)
    with pytest.raises(ServiceError, match=r"credentials\.json cannot be read"):
        folder.ensure_credentials()
    assert path.read_text() == content


def test_find_looks_here_and_upwards_then_at_the_start(
    folder: ServicesFolder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("ANNOTATOR_SERVICES")
    folder.write(
        Record(
            processes={
                LABEL_STUDIO: ProcessRecord(pid=1, create_time=0.0, port=8081),
                "prefect": ProcessRecord(pid=2, create_time=0.0, port=4201),
            }
        )
    )
    deep = tmp_path / "studies" / "survey"
    deep.mkdir(parents=True)
    elsewhere = tmp_path.parent / "elsewhere"
    elsewhere.mkdir()

    monkeypatch.chdir(deep)
    here = find()
    monkeypatch.chdir(elsewhere)
    assert here is not None
    assert here == find(deep)
    assert here.root == tmp_path
    assert here.label_studio_url == "http://127.0.0.1:8081"
    assert here.prefect_page_url == "http://127.0.0.1:4201"
    assert here.prefect_api_url == "http://127.0.0.1:4201/api"


def test_find_obeys_the_environment_variable_alone(
    folder: ServicesFolder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder.write(Record(processes={LABEL_STUDIO: ProcessRecord(pid=1, create_time=0.0, port=8081)}))
    for named in (tmp_path, folder.path):
        monkeypatch.setenv("ANNOTATOR_SERVICES", str(named))
        found = find()
        assert found is not None
        assert found.root == tmp_path
        assert found.prefect_api_url is None
    monkeypatch.setenv("ANNOTATOR_SERVICES", str(tmp_path / "nowhere"))
    assert find(tmp_path) is None


@pytest.mark.parametrize("content", ["", "{", '{"processes": 3}'])
def test_a_damaged_record_reads_as_nothing(folder: ServicesFolder, content: str) -> None:
    (folder.path / "services.json").write_text(content)
    assert folder.read() == Record()
    assert folder.services() is None


# Environments of the servers


def test_label_studio_inherits_no_key_and_no_stray_setting(
    folder: ServicesFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("OPENAI_API_KEY", "HOST", "DEBUG", "CI", "LABEL_STUDIO_PORT"):
        monkeypatch.setenv(name, "stray")
    environment = LabelStudioServer(folder, Path("label-studio"), SECRETS).environment(8080)
    assert "stray" not in environment.values()
    assert environment["LABEL_STUDIO_USER_TOKEN"] == SECRETS.token


def test_prefect_settings_of_the_user_do_not_reach_the_projects_prefect(
    folder: ServicesFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PREFECT_API_KEY", "stray")
    monkeypatch.setenv("PREFECT_API_URL", "stray")
    monkeypatch.setenv("OPENAI_API_KEY", "needed")
    worker = PrefectWorker(folder, "http://127.0.0.1:4200/api").environment(None)
    assert "stray" not in {*PrefectServer(folder).environment(4200).values(), *worker.values()}
    assert worker["OPENAI_API_KEY"] == "needed"  # flow runs call the endpoint with it
    assert worker["ANNOTATOR_SERVICES"] == str(folder.root)


def test_the_label_studio_program_is_named_by_a_variable(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = tmp_path / "label-studio"
    program.touch()
    monkeypatch.setenv(label_studio_server.EXECUTABLE_VARIABLE, str(program))
    with pytest.raises(ServiceError, match="cannot be executed"):
        label_studio_server.find_executable(tmp_path)
    program.chmod(0o700)
    assert label_studio_server.find_executable(tmp_path) == program


def test_a_missing_label_studio_names_the_remedy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(label_studio_server.EXECUTABLE_VARIABLE, raising=False)
    monkeypatch.setattr(sys, "prefix", str(tmp_path / "venv"))
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ServiceError, match="make install"):
        label_studio_server.find_executable(tmp_path)


# Processes


def start(folder: ServicesFolder, source: str, *arguments: str) -> ProcessRecord:
    log = folder.log("program")
    pid = processes.start(
        mark(folder, "program"),
        [sys.executable, "-c", source, *arguments],
        minimal_environment(),
        folder.root,
        log,
    )
    wait_for(lambda: log.exists() and "ready" in log.read_text())
    record = processes.describe(pid, None)
    assert record is not None
    return record


@pytest.mark.skipif(platform.machine() != "x86_64", reason="system call by number")
def test_a_killed_server_whose_threads_still_hold_the_port_comes_back_on_it(folder: ServicesFolder) -> None:
    record = start(folder, LEADERLESS)
    port = int(folder.log("program").read_text().split()[1])
    killed = record.model_copy(update={"port": port})
    folder.write(Record(processes={LABEL_STUDIO: killed}, ports={LABEL_STUDIO: port}))
    assert keep(folder, ANSWERS, free_port()).port == port


def test_a_process_starts_detached_and_is_nobodys_child(folder: ServicesFolder) -> None:
    record = start(folder, "import time; print('ready', flush=True); time.sleep(600)")
    assert os.getsid(record.pid) == record.pid
    assert record.pid not in {child.pid for child in psutil.Process().children()}
    assert processes.stop(mark(folder, "program"), record)


def test_stop_ends_children_and_what_refuses_to_end(folder: ServicesFolder) -> None:
    record = start(folder, STUBBORN_FAMILY, STUBBORN_FAMILY)
    wait_for(lambda: len(processes.marked(mark(folder, "program"))) == 2)
    family = processes.marked(mark(folder, "program"))
    assert processes.stop(mark(folder, "program"), record, grace=0.2)
    assert not any(processes.alive(processes.describe(member.pid, None)) for member in family)
    assert not processes.stop(mark(folder, "program"), record)


@pytest.mark.skipif(platform.machine() != "x86_64", reason="ends one thread by its Linux system call number")
def test_a_process_whose_threads_still_hold_its_port_is_not_gone(folder: ServicesFolder) -> None:
    record = start(folder, LEADERLESS)
    port = int(folder.log("program").read_text().split()[1])
    wait_for(lambda: psutil.Process(record.pid).status() == psutil.STATUS_ZOMBIE)
    assert processes.alive(record) is not None
    assert processes.stop(mark(folder, "program"), record)
    assert ports.is_free(port)


def test_an_orphan_is_found_without_a_record(folder: ServicesFolder) -> None:
    record = start(folder, STUBBORN_FAMILY, STUBBORN_FAMILY)
    wait_for(lambda: len(processes.marked(mark(folder, "program"))) == 2)
    os.kill(record.pid, signal.SIGKILL)
    wait_for(lambda: processes.alive(record) is None)
    assert len(processes.marked(mark(folder, "program"))) == 1
    assert processes.stop(mark(folder, "program"), None, grace=0.2)
    assert processes.marked(mark(folder, "program")) == []


def test_a_strangers_recycled_process_id_is_left_alone(folder: ServicesFolder) -> None:
    stranger = psutil.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
    try:
        recycled = ProcessRecord(pid=stranger.pid, create_time=stranger.create_time() - 3600, port=None)
        assert processes.alive(recycled) is None
        assert not processes.stop(mark(folder, "program"), recycled)
        assert stranger.is_running()
    finally:
        stranger.kill()
        stranger.wait()


def test_a_program_that_cannot_be_run_is_an_error(folder: ServicesFolder) -> None:
    with pytest.raises(ServiceError, match="Cannot run"):
        processes.start("mark", ["/nonexistent/program"], {}, folder.root, folder.log("program"))


# Keeping a server


def test_a_running_server_is_reused_and_a_killed_one_started_again_on_its_port(
    folder: ServicesFolder,
) -> None:
    first = keep(folder, ANSWERS, free_port())
    assert keep(folder, ANSWERS, free_port()) == first
    os.kill(first.pid, signal.SIGKILL)
    wait_for(lambda: processes.alive(first) is None)
    second = keep(folder, ANSWERS, free_port())
    assert second.pid != first.pid
    assert second.port == first.port


def test_a_server_started_but_never_recorded_is_replaced(folder: ServicesFolder) -> None:
    first = keep(folder, ANSWERS, free_port())
    folder.write(Record())  # as if killed between the start and the record
    second = keep(folder, ANSWERS, free_port())
    assert [process.pid for process in processes.marked(mark(folder, LABEL_STUDIO))] == [second.pid]
    assert processes.alive(first) is None


def test_a_server_that_moved_to_another_port_by_itself_is_started_again(folder: ServicesFolder) -> None:
    port = free_port()
    keeper = Keeper(
        Program(folder, "import time; time.sleep(1)\n" + MOVES, port), folder, lambda message: None
    )
    keeper.ensure_started()
    with socket.create_server(("127.0.0.1", port)):  # taken while the server boots
        keeper.wait()
        record = folder.read().processes[LABEL_STUDIO]
        assert record.port != port
        process = processes.alive(record)
        assert process is not None
        assert record.port is not None
        assert processes.listens(process, record.port)


def test_a_server_that_dies_shows_the_end_of_its_log(folder: ServicesFolder) -> None:
    with pytest.raises(ServiceError, match="no database") as caught:
        keep(folder, DIES, free_port())
    assert str(folder.log(LABEL_STUDIO)) in str(caught.value)


def test_status_tells_silent_from_stopped(folder: ServicesFolder) -> None:
    record = keep(folder, ANSWERS, free_port())  # it lives, but is no Label Studio
    states = {service.name: service.state for service in status(folder.root)}
    assert states == {**dict.fromkeys(TITLES, "stopped"), "label-studio": "silent"}
    assert down(folder.root) == ["Label Studio"]
    assert processes.alive(record) is None
    assert json.loads((folder.path / "services.json").read_text())["processes"] == {}
    assert folder.read().ports == {LABEL_STUDIO: record.port}


def test_down_where_nothing_ever_ran(tmp_path: Path) -> None:
    assert down(tmp_path / "empty") == []
    assert not (tmp_path / "empty").exists()


def test_the_automation_needs_a_server() -> None:
    with pytest.raises(ServiceUnavailableError, match="does not answer"):
        ensure_zombie_automation(f"http://127.0.0.1:{free_port()}/api")
