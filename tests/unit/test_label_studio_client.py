"""Patience, tokens and errors, against a small real HTTP server that answers as told."""

import base64
import itertools
import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler

import pytest
from local_server import answering

from annotator.coding.label_studio_client import Client, NotFoundError, TokenAuth, pauses
from annotator.coding.label_studio_listing import Listing
from annotator.errors import ServiceError, ServiceUnavailableError

SECRET = "0123456789abcdef0123456789abcdef01234567"
Answer = tuple[int, object]


@dataclass
class Stub:
    url: str = ""
    answers: list[Answer] = field(default_factory=list)
    seen: list[tuple[str, str, str | None]] = field(default_factory=list)

    def client(self, token: str = SECRET, patience: float = 2.0) -> Client:
        return Client(self.url, TokenAuth(token), patience=patience)


@pytest.fixture
def stub() -> Iterator[Stub]:
    state = Stub()

    def respond(request: BaseHTTPRequestHandler) -> tuple[int, bytes]:
        state.seen.append((request.command, request.path, request.headers.get("authorization")))
        status, body = state.answers.pop(0)
        return status, body.encode() if isinstance(body, str) else json.dumps(body).encode()

    with answering(respond) as state.url:
        yield state


@pytest.mark.parametrize("status", [429, 502, 503, 504])
def test_a_busy_service_is_asked_again(stub: Stub, status: int) -> None:
    stub.answers = [(status, {}), (200, {"fine": True})]
    assert stub.client().get("/api/x") == {"fine": True}


def test_patience_ends(stub: Stub) -> None:
    stub.answers = [(503, {})] * 10
    with pytest.raises(ServiceUnavailableError, match="503") as error:
        stub.client(patience=0.6).get("/api/x")
    assert error.value.retryable
    assert 2 <= len(stub.seen) <= 4


def test_what_may_have_been_carried_out_is_not_sent_twice(stub: Stub) -> None:
    stub.answers = [(502, {}), (201, {})]
    with pytest.raises(ServiceUnavailableError):
        stub.client().post("/api/import", [])
    assert len(stub.seen) == 1


def test_nobody_listens() -> None:
    client = Client("http://127.0.0.1:1", TokenAuth(SECRET), patience=0.0)
    with pytest.raises(ServiceUnavailableError, match="cannot be reached"):
        client.post("/api/import", [])


@pytest.mark.parametrize("status", [401, 403])
def test_a_refused_token_says_how_to_give_one(stub: Stub, status: int) -> None:
    stub.answers = [(status, {"detail": "Invalid token."})]
    with pytest.raises(ServiceError) as error:
        stub.client().get("/api/x")
    assert not error.value.retryable
    assert "LABEL_STUDIO_API_KEY" in (error.value.hint or "")
    assert SECRET not in str(error.value)


@pytest.mark.parametrize(
    ("answer", "kind", "words"),
    [
        ((404, {"detail": "No Task"}), NotFoundError, "No Task"),
        ((400, {"validation_errors": {"title": ["short"]}}), ServiceError, "short"),
        ((302, {}), ServiceError, "sent on"),
        ((200, "<html>"), ServiceError, "no JSON"),
        ((500, "<html>oops"), ServiceError, "HTTP 500"),
        ((500, {"detail": "database is locked"}), ServiceUnavailableError, "busy"),
    ],
)
def test_other_answers_become_our_errors(
    stub: Stub, answer: Answer, kind: type[ServiceError], words: str
) -> None:
    stub.answers = [answer]
    with pytest.raises(kind, match=words):
        stub.client(patience=0.0).get("/api/x")


@pytest.mark.parametrize("token", ["", " \n", "abc\ndef", "abc def", "abc\x07def", "abc\u2026def"])
def test_what_is_no_token_is_said_at_once_and_not_shown(token: str) -> None:
    with pytest.raises(ServiceError, match="access token") as error:
        TokenAuth(token)
    assert not error.value.retryable
    assert "LABEL_STUDIO_API_KEY" in (error.value.hint or "")
    assert "def" not in str(error.value)


def test_a_token_copied_with_the_end_of_its_line_is_the_token(stub: Stub) -> None:
    stub.answers = [(200, {})]
    stub.client(f" {SECRET}\r\n").get("/api/x")
    assert stub.seen == [("GET", "/api/x", f"Token {SECRET}")]


@pytest.mark.parametrize("answer", [(404, {}), (401, {}), (503, {}), (302, {}), (200, "<html>")])
def test_no_message_has_the_password_of_an_address(stub: Stub, answer: Answer) -> None:
    stub.answers = [answer]
    place = stub.url.removeprefix("http://")
    client = Client(f"http://me:hush@{place}/", TokenAuth(SECRET), patience=0.0)
    assert client.url == stub.url
    with pytest.raises(ServiceError, match=f"GET {stub.url}/api/x: ") as error:
        client.get("/api/x")
    assert "hush" not in str(error.value)
    assert stub.seen == [("GET", "/api/x", f"Token {SECRET}")]


@pytest.mark.parametrize("url", ["ftp://me:hush@host", "me:hush@host", "http://me:hush@a\nb"])
def test_no_message_has_the_password_of_what_is_no_address(url: str) -> None:
    with pytest.raises(ServiceError, match="no address") as error:
        Client(url, None)
    assert "hush" not in str(error.value)


def test_an_address_with_a_password_lets_in_where_there_is_no_token(stub: Stub) -> None:
    stub.answers = [(200, {})]
    Client(f"http://me:hush@{stub.url.removeprefix('http://')}", None).get("/x")
    assert stub.seen == [("GET", "/x", "Basic " + base64.b64encode(b"me:hush").decode())]


def test_a_list_ends_though_its_last_task_was_deleted_between_count_and_page(stub: Stub) -> None:
    stub.answers = [(200, {"total": 2, "tasks": [{"id": 5}]}), (200, {"total": 1, "tasks": []})]
    found = Listing(stub.client(), project_id=1, page_size=1).tasks([], "id")
    assert list(found) == [{"id": 5}]
    assert not stub.answers


def test_deleting_what_is_gone_is_fine(stub: Stub) -> None:
    stub.answers = [(404, {})]
    stub.client().delete("/api/tasks/1/")


def test_a_personal_token_is_exchanged_and_renewed(stub: Stub) -> None:
    stub.answers = [(200, {"access": "first"}), (200, {}), (401, {}), (200, {"access": "second"}), (200, {})]
    client = stub.client("head.body.signature")
    client.get("/api/x")
    client.get("/api/y")
    assert stub.seen == [
        ("POST", "/api/token/refresh/", None),
        ("GET", "/api/x", "Bearer first"),
        ("GET", "/api/y", "Bearer first"),
        ("POST", "/api/token/refresh/", None),
        ("GET", "/api/y", "Bearer second"),
    ]


@pytest.mark.parametrize("url", ["localhost:8080", "ftp://x", "http://", "http://a\nb", ""])
def test_a_wrong_address_is_said_at_once(url: str) -> None:
    with pytest.raises(ServiceError, match="no address"):
        Client(url, None)


def test_pauses_grow_and_end() -> None:
    found = list(pauses(20.0))
    assert sum(found) == pytest.approx(20.0)
    assert all(later > earlier for earlier, later in itertools.pairwise(found[:4]))
    assert max(found) <= 8.0
