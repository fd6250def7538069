"""What the model hub answers, without a network: its client's requests end here."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import httpx2
import huggingface_hub
import pytest
from huggingface_hub.utils import _http

Answer = Callable[[httpx2.Request], httpx2.Response]
BASE = "nobody/nothing"
"""The id of a base that is on no machine."""


@contextmanager
def answering(answer: Answer, *, offline: bool = False) -> Iterator[list[str]]:
    """The methods of all requests, each answered by ``answer``. Waits between tries are left out.

    ``offline`` stands for ``HF_HUB_OFFLINE``, whatever it is here.
    """
    asked: list[str] = []

    def respond(request: httpx2.Request) -> httpx2.Response:
        asked.append(request.method)
        return answer(request)

    def client() -> httpx2.Client:
        hooks = {"request": [_http.hf_request_event_hook]}  # as the library's own client has
        return httpx2.Client(transport=httpx2.MockTransport(respond), event_hooks=hooks)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(time, "sleep", lambda _: None)
        patch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", offline)
        huggingface_hub.set_client_factory(client)
        try:
            yield asked
        finally:
            huggingface_hub.set_client_factory(_http.default_client_factory)


def away(request: httpx2.Request) -> httpx2.Response:
    """No network."""
    raise httpx2.ConnectError("Name or service not known", request=request)


def busy(request: httpx2.Request) -> httpx2.Response:
    """A hub that cannot answer now."""
    return httpx2.Response(503, request=request)


def unknown(request: httpx2.Request) -> httpx2.Response:
    """A hub that does not have what it is asked for."""
    return httpx2.Response(404, headers={"X-Error-Code": "RepoNotFound"}, request=request)
