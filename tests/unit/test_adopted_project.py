"""A project's tasks are fetched page by page from a small real HTTP server; images weigh on none of it."""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from local_server import answering

from annotator.adoption import project
from annotator.adoption.project import read_project
from annotator.adoption.section import AdoptedCodes
from annotator.coding.label_studio_client import Client, TokenAuth

SECTION = AdoptedCodes(project=3, use="training")


@dataclass
class Project:
    """Tasks in order of id, listed as Label Studio lists them, and the sizes of the pages asked for."""

    tasks: list[dict[str, Any]] = field(default_factory=list)
    asked: list[int] = field(default_factory=list)
    sent: list[int] = field(default_factory=list)
    url: str = ""

    def answer(self, path: str) -> Any:
        place = urlsplit(path)
        if place.path != "/api/tasks/":
            return [] if place.path == "/api/users/" else {"id": 3}
        options = {name: values[0] for name, values in parse_qs(place.query).items()}
        (newer,) = json.loads(options["query"])["filters"]["items"]
        waiting = [task for task in self.tasks if task["id"] > newer["value"]]
        self.asked.append(int(options["page_size"]))
        return {"tasks": waiting[: self.asked[-1]], "total": len(waiting)}


@pytest.fixture
def served() -> Iterator[Project]:
    state = Project()

    def respond(request: BaseHTTPRequestHandler) -> tuple[int, bytes]:
        data = json.dumps(state.answer(request.path)).encode()
        state.sent.append(len(data))
        return 200, data

    with answering(respond) as state.url:
        yield state


def tasks(n: int, **data: str) -> list[dict[str, Any]]:
    return [
        {"id": 2 * number, "data": {"text": f"text {number}", **data}, "annotations": []}
        for number in range(1, n + 1)
    ]


def fetch(served: Project) -> list[dict[str, Any]]:
    return read_project(Client(served.url, TokenAuth("0" * 40)), SECTION)[0]


def test_short_texts_come_in_large_pages(served: Project) -> None:
    served.tasks = tasks(3000)
    assert fetch(served) == served.tasks
    assert served.asked == [50, 100, 200, 400, 800, 1000, 1000]


def test_images_come_in_small_pages_and_are_not_kept(
    served: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(project, "PAGE_LENGTH", 400_000)
    served.tasks = tasks(120, image="data:image/jpeg;base64," + "A" * 20_000)
    found = fetch(served)
    assert [task["data"]["text"] for task in found] == [task["data"]["text"] for task in served.tasks]
    assert {task["data"]["image"] for task in found} == {None}
    assert served.asked == [50, 19, 19, 19, 19]
    assert max(served.sent[2:]) < 450_000


def test_a_project_without_tasks(served: Project) -> None:
    assert fetch(served) == []
