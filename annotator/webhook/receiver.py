"""The receiver of Label Studio's webhooks: checks the token, rings, and answers at once.

Label Studio gives up after a second and tells nobody, and holds up the coder's page meanwhile. What it sends
is not read: that something is new is all that is wanted, and codes come by collection alone.
"""

import hmac
import logging
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from annotator.webhook.address import path, token
from annotator.webhook.ringing import Prefect, Ringing

logger = logging.getLogger(__name__)


def receiver(secret: str, prefect: Prefect, *, every: float) -> Starlette:
    """The application. ``POST /studies/<name>`` rings, ``GET`` tells whether ringing would do something.

    Both need the study's token and answer 401 without. ``GET /health`` needs none.
    """
    ringing = Ringing(prefect, every=every)

    async def study(request: Request) -> Response:
        name = request.path_params["name"]
        if not _is_authentic(request, secret, name):
            logger.warning("refused: a request for %r without its token", name)
            return Response(status_code=401, headers={"WWW-Authenticate": "Bearer"})
        if request.method == "POST":
            ringing.ring(name)
            return Response(status_code=202)
        try:
            return JSONResponse({"deployed": await prefect.find(name) is not None})
        except (httpx.HTTPError, ValueError):
            return Response(status_code=503)

    async def health(request: Request) -> Response:
        del request
        return JSONResponse({"status": "UP"})

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        del app
        yield
        await prefect.close()

    routes = [Route(path("{name}"), study, methods=["GET", "POST"]), Route("/health", health)]
    return Starlette(routes=routes, lifespan=lifespan)


def serve(app: Starlette, hosts: list[str], port: int) -> None:
    """Listen on each of the addresses until a signal comes. Raises OSError where that is not possible."""
    sockets = [socket.create_server((host, port), family=_family(host)) for host in hosts]
    uvicorn.Server(uvicorn.Config(app, log_config=None, access_log=False)).run(sockets=sockets)


def _family(host: str) -> socket.AddressFamily:
    return socket.AF_INET6 if ":" in host else socket.AF_INET


def _is_authentic(request: Request, secret: str, name: str) -> bool:
    given = request.headers.get("authorization", "")
    return hmac.compare_digest(given.encode(), f"Bearer {token(secret, name)}".encode())
