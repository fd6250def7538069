"""The services as a person has them: real servers, started, killed, started again, stopped."""

import os
import signal
import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import httpx
import psutil
import pytest

from annotator.services import Services, down, ensure_zombie_automation, find, processes, status, up
from annotator.services.folder import ProcessRecord, ServicesFolder
from annotator.services.keeper import mark
from annotator.services.ports import is_free, is_taken
from annotator.services.server import LABEL_STUDIO, PREFECT, PREFECT_WORKER, TITLES

pytestmark = pytest.mark.integration


@pytest.fixture(scope="module")
def own_root(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Another project, whose servers may be killed."""
    root = tmp_path_factory.mktemp("own")
    yield root
    down(root)


def recorded(root: Path) -> dict[str, ProcessRecord]:
    return ServicesFolder(root).read().processes


def label_studio_projects(services: Services) -> httpx.Client:
    headers = {"Authorization": f"Token {services.credentials().token}"}
    return httpx.Client(base_url=services.label_studio_url, headers=headers, timeout=60, trust_env=False)


def test_all_are_healthy_and_found(services: Services) -> None:
    assert {service.name: service.state for service in status(services.root)} == dict.fromkeys(
        TITLES, "healthy"
    )
    assert find() == services


def test_up_again_changes_nothing(services: Services) -> None:
    before = recorded(services.root)
    assert up(services.root) == services
    assert recorded(services.root) == before


def test_the_account_works_by_token_and_by_password(services: Services) -> None:
    credentials = services.credentials()
    with label_studio_projects(services) as client:
        assert client.get("/api/current-user/whoami").json()["email"] == credentials.username
    with httpx.Client(base_url=services.label_studio_url, timeout=60, trust_env=False) as client:
        client.get("/user/login/")
        answer = client.post(
            "/user/login/",
            data={"email": credentials.username, "password": credentials.password},
            headers={
                "X-CSRFToken": client.cookies["csrftoken"],
                "Referer": services.label_studio_url,
            },
        )
        assert answer.is_redirect
        assert client.get("/api/current-user/whoami").json()["email"] == credentials.username


def test_no_secret_on_a_command_line_or_in_a_log(services: Services) -> None:
    credentials = services.credentials()
    public = [" ".join(psutil.Process(record.pid).cmdline()) for record in recorded(services.root).values()]
    public += [path.read_text() for path in (services.root / ".services" / "logs").iterdir()]
    public.append((services.root / ".services" / "services.json").read_text())
    assert len(public) == 2 * len(TITLES) + 1
    for text in public:
        assert credentials.password not in text
        assert credentials.token not in text
        assert services.webhook_secret() not in text


def test_one_automation_ends_lost_flow_runs(services: Services) -> None:
    assert services.prefect_api_url is not None
    assert ensure_zombie_automation(services.prefect_api_url) is False  # up has created it
    found = httpx.post(f"{services.prefect_api_url}/automations/filter", json={}, trust_env=False).json()
    assert len(found) == 1
    assert found[0]["enabled"]
    assert found[0]["trigger"]["posture"] == "Proactive"
    assert found[0]["actions"][0]["state"] == "CRASHED"


def test_the_prefect_page_calls_its_own_server(services: Services) -> None:
    answer = httpx.get(f"{services.prefect_page_url}/ui-settings", trust_env=False).json()
    assert answer["api_url"] == services.prefect_api_url


def test_taken_ports_are_avoided_and_killed_servers_come_back_with_their_data(own_root: Path) -> None:
    with ExitStack() as stack:
        for port in (4200, 8080):
            if is_free(port):
                stack.enter_context(socket.create_server(("127.0.0.1", port)))
        services = up(own_root)
    before = recorded(own_root)
    assert before[LABEL_STUDIO].port != 8080
    assert before[PREFECT].port != 4200

    with label_studio_projects(services) as client:
        client.post("/api/projects/", json={"title": "coded by people"}).raise_for_status()
    for name in (LABEL_STUDIO, PREFECT_WORKER):
        os.kill(before[name].pid, signal.SIGKILL)
    while any(processes.alive(before[name]) for name in (LABEL_STUDIO, PREFECT_WORKER)):
        time.sleep(0.05)

    again = up(own_root)
    after = recorded(own_root)
    assert again == services
    assert after[PREFECT] == before[PREFECT]
    assert after[LABEL_STUDIO].pid != before[LABEL_STUDIO].pid
    assert after[PREFECT_WORKER].pid != before[PREFECT_WORKER].pid
    with label_studio_projects(again) as client:
        assert [p["title"] for p in client.get("/api/projects/").json()["results"]] == ["coded by people"]


def test_down_leaves_nothing_alive(own_root: Path) -> None:
    services = up(own_root)
    ports = [record.port for record in recorded(own_root).values() if record.port is not None]
    assert down(own_root) == list(TITLES.values())
    folder = ServicesFolder(own_root)
    assert not any(processes.marked(mark(folder, name)) for name in TITLES)
    assert not any(is_taken(port) for port in ports)
    assert folder.services() is None
    assert services.credentials().token  # kept, with the data
    assert down(own_root) == []
