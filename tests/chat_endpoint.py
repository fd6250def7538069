"""A real HTTP endpoint of the OpenAI chat protocol that answers, or fails, as a test tells it to."""

import json
import threading
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self


@dataclass(frozen=True)
class Answer:
    """What goes over the wire.

    ``cut`` closes the connection half-way, ``stall`` keeps it open there, ``hang`` sends nothing.
    """

    body: bytes = b""
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    cut: bool = False
    stall: bool = False
    hang: bool = False


def completion(text: str | None, finish: str = "stop", **message: Any) -> Answer:
    """A well-formed completion of ten prompt tokens and two reply tokens.

    ``logprobs`` are tokens with their log-probability and, if wanted, the likeliest ones in their place.
    """
    logprobs = message.pop("logprobs", None)
    choice = {
        "index": 0,
        "finish_reason": finish,
        "logprobs": {"content": [_token(*entry) for entry in logprobs]} if logprobs else None,
        "message": {"role": "assistant", "content": text, **message},
    }
    body = {"id": "1", "object": "chat.completion", "created": 1, "model": "m", "choices": [choice]}
    usage = {"prompt_tokens": 10, "completion_tokens": 2, "total_tokens": 12}
    return Answer(json.dumps({**body, "usage": usage}).encode())


def _token(token: str, logprob: float, likeliest: Sequence[tuple[str, float]] = ()) -> dict[str, Any]:
    top = [{"token": other, "logprob": value} for other, value in likeliest]
    return {"token": token, "logprob": logprob, "top_logprobs": top}


def error(status: int, message: str = "no", code: str | None = None, **headers: str) -> Answer:
    """An error of the protocol's shape. Underscores in header names stand for dashes."""
    body = json.dumps({"error": {"message": message, "code": code, "type": "t", "param": None}}).encode()
    return Answer(body, status, {name.replace("_", "-"): value for name, value in headers.items()})


HANG = Answer(hang=True)
STALL = Answer(completion("economy").body, stall=True)
CUT = Answer(completion("economy").body, cut=True)
GARBAGE = Answer(b'{"choices": [')

Behaviour = Callable[[list[dict[str, str]], int], Answer]


class ChatEndpoint(ThreadingHTTPServer):
    """Serves ``behave(messages, nth time these messages are asked)`` until the context ends."""

    daemon_threads = True
    request_queue_size = 128

    def __init__(self, behave: Behaviour, port: int = 0) -> None:
        super().__init__(("127.0.0.1", port), _Handler)
        self.behave = behave
        self.requests: list[dict[str, Any]] = []
        self.authorizations: set[str | None] = set()
        self.most_at_once = 0
        self._at_once = 0
        self._times: Counter[str] = Counter()
        self._lock = threading.Lock()
        self.closing = threading.Event()

    @property
    def base_url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}/v1"

    def react(self, request: dict[str, Any], authorization: str | None) -> Answer:
        with self._lock:
            self.requests.append(request)
            self.authorizations.add(authorization)
            self._at_once += 1
            self.most_at_once = max(self.most_at_once, self._at_once)
            asked = json.dumps(request["messages"])
            self._times[asked] += 1
            times = self._times[asked]
        return self.behave(request["messages"], times)

    def done(self) -> None:
        with self._lock:
            self._at_once -= 1

    def __enter__(self) -> Self:
        self._thread = threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.02})
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.closing.set()
        self.shutdown()
        self._thread.join()
        self.server_close()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: ChatEndpoint

    def do_POST(self) -> None:
        request = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        answer = self.server.react(request, self.headers["Authorization"])
        self.server.done()
        if answer.hang:
            self.server.closing.wait(30)
            self.close_connection = True
            return
        self.send_response(answer.status)
        self.send_header("Content-Type", "application/json")
        for name, value in answer.headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(answer.body)))
        self.end_headers()
        is_half = answer.cut or answer.stall
        self.wfile.write(answer.body[: len(answer.body) // 2] if is_half else answer.body)
        if answer.stall:
            self.server.closing.wait(30)
        self.close_connection = is_half

    def log_message(self, *_: object) -> None:
        """Say nothing."""
