"""A real HTTP endpoint with files and batches beside its chat, which works when a test tells it to."""

import json
import random
import re
import time
from dataclasses import dataclass, field
from typing import Any

from chat_endpoint import Answer, Behaviour, ChatEndpoint, _Handler

ENDED = ("completed", "failed", "expired", "cancelled")


@dataclass
class Batch:
    """One batch as the provider knows it."""

    batch_id: str
    input_file_id: str
    metadata: dict[str, str]
    created_at: int = field(default_factory=lambda: int(time.time()))
    status: str = "validating"
    output_file_id: str | None = None
    error_file_id: str | None = None
    errors: list[dict[str, str]] = field(default_factory=list)

    def to_json(self) -> dict[str, Any]:
        return {
            "id": self.batch_id,
            "object": "batch",
            "endpoint": "/v1/chat/completions",
            "input_file_id": self.input_file_id,
            "completion_window": "24h",
            "status": self.status,
            "output_file_id": self.output_file_id,
            "error_file_id": self.error_file_id,
            "created_at": self.created_at,
            "metadata": self.metadata,
            "errors": {"object": "list", "data": self.errors} if self.errors else None,
        }


class BatchProvider(ChatEndpoint):
    """``work`` answers the batches there are, as ``behave`` would answer request by request.

    Attributes:
        paid: how many requests batches have answered with a completion.
        faults: answers given instead of any, by method and path: ``{"POST /v1/batches": error(503)}``.
    """

    def __init__(self, behave: Behaviour) -> None:
        super().__init__(behave)
        self.RequestHandlerClass = _BatchHandler
        self.files: dict[str, bytes] = {}
        self.batches: dict[str, Batch] = {}
        self.paid = 0
        self.faults: dict[str, Answer] = {}
        self.calls: list[str] = []

    @property
    def under_way(self) -> list[Batch]:
        return [batch for batch in self.batches.values() if batch.status not in ENDED]

    def work(self, *, expire_after: int | None = None) -> None:
        """Answer every open batch, in an order of its own; after ``expire_after`` requests time runs out."""
        for batch in self.under_way:
            self._answer(batch, expire_after)

    def fail(self, message: str, code: str = "invalid") -> None:
        """Refuse every open batch as a whole."""
        for batch in self.under_way:
            batch.status, batch.errors = "failed", [{"message": message, "code": code}]

    def _answer(self, batch: Batch, expire_after: int | None) -> None:
        requests = [json.loads(line) for line in self.files[batch.input_file_id].splitlines()]
        assert len({request["custom_id"] for request in requests}) == len(requests)
        random.Random(len(self.batches)).shuffle(requests)
        output, errors = [], []
        for done, request in enumerate(requests):
            if expire_after is not None and done >= expire_after:
                expired = {"code": "batch_expired", "message": "This request could not be executed in time."}
                errors.append({"custom_id": request["custom_id"], "response": None, "error": expired})
                continue
            answer = self.react(request["body"], None)
            self.done()
            line = {
                "id": "line",
                "custom_id": request["custom_id"],
                "response": {"status_code": answer.status, "body": json.loads(answer.body)},
                "error": None,
            }
            (output if answer.status == 200 else errors).append(line)
        self.paid += len(output)
        batch.status = "completed" if expire_after is None else "expired"
        batch.output_file_id = self.keep(output) if output else None
        batch.error_file_id = self.keep(errors) if errors else None

    def keep(self, lines: list[dict[str, Any]]) -> str:
        return self.upload("".join(json.dumps(line) + "\n" for line in lines).encode())

    def upload(self, content: bytes) -> str:
        file_id = f"file-{len(self.files)}"
        self.files[file_id] = content
        return file_id

    def create(self, request: dict[str, Any]) -> dict[str, Any]:
        batch = Batch(f"batch_{len(self.batches)}", request["input_file_id"], request.get("metadata") or {})
        self.batches[batch.batch_id] = batch
        return batch.to_json()

    def page(self, limit: int, after: str | None) -> dict[str, Any]:
        """A page of the list, newest first."""
        newest = list(reversed(self.batches.values()))
        start = 1 + [batch.batch_id for batch in newest].index(after) if after else 0
        rows = newest[start : start + limit]
        return {
            "object": "list",
            "data": [batch.to_json() for batch in rows],
            "has_more": start + limit < len(newest),
            "last_id": rows[-1].batch_id if rows else None,
        }


class _BatchHandler(_Handler):
    server: BatchProvider

    def do_POST(self) -> None:
        path = self._path()
        if path.endswith("/chat/completions"):
            super().do_POST()
            return
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if path.endswith("/files"):
            file_id = self.server.upload(_uploaded(body, self.headers["Content-Type"]))
            self._say({"id": file_id, "object": "file", "purpose": "batch"}, f"POST {path}")
        elif f"POST {path}" in self.server.faults:
            self._say({}, f"POST {path}")
        else:
            self._say(self.server.create(json.loads(body)), f"POST {path}")

    def do_GET(self) -> None:
        path, _, query = self.path.partition("?")
        values = dict(re.findall(r"(\w+)=([^&]*)", query))
        known: dict[str, Any] | bytes | None = None
        if path.endswith("/batches"):
            known = self.server.page(int(values.get("limit", 20)), values.get("after"))
        elif found := re.search(r"/batches/([^/]+)$", path):
            batch = self.server.batches.get(found[1])
            known = batch.to_json() if batch else None
        elif found := re.search(r"/files/([^/]+)/content$", path):
            known = self.server.files.get(found[1])
        nothing = {"error": {"message": "no such thing"}}
        self._say(nothing if known is None else known, f"GET {path}", missing=known is None)

    def _path(self) -> str:
        return self.path.partition("?")[0]

    def _say(self, content: dict[str, Any] | bytes, call: str, *, missing: bool = False) -> None:
        self.server.calls.append(call)
        self.server.authorizations.add(self.headers["Authorization"])
        fault = self.server.faults.get(call)
        body = content if isinstance(content, bytes) else json.dumps(content).encode()
        answer = fault or Answer(body, 404 if missing else 200)
        self.send_response(answer.status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(answer.body)))
        self.end_headers()
        self.wfile.write(answer.body)


def _uploaded(body: bytes, content_type: str) -> bytes:
    """The file within a multipart body."""
    boundary = content_type.partition("boundary=")[2].encode()
    for part in body.split(b"--" + boundary):
        head, _, content = part.partition(b"\r\n\r\n")
        if b"filename=" in head:
            return content.removesuffix(b"\r\n")
    raise AssertionError("no file in the upload")
