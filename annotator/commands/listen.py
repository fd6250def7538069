"""`annotator listen`."""

import logging
import os
from pathlib import Path
from typing import Annotated

import typer

from annotator import services
from annotator.errors import ServiceError, StudyError
from annotator.webhook.address import SECRET_VARIABLE
from annotator.webhook.receiver import receiver, serve
from annotator.webhook.ringing import Prefect


def listen(
    host: Annotated[
        list[str] | None, typer.Option(help="an address to listen on; may be given again")
    ] = None,
    port: Annotated[int, typer.Option(min=1, max=65535)] = 4210,
    every: Annotated[float, typer.Option(min=1, help="seconds between two runs of a study, at least")] = 60.0,
) -> None:
    """Let `advance` run when Label Studio reports new codes, sooner than its schedule would.

    `annotator up` starts this by itself. It runs until it is stopped.
    """
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
    logging.getLogger("httpx").setLevel(logging.WARNING)
    hosts = host or ["127.0.0.1"]
    app = receiver(_secret(), Prefect(services.prefect_api_url(Path()), _account()), every=every)
    try:
        serve(app, hosts, port)
    except OSError as error:
        raise ServiceError(
            f"cannot listen on {', '.join(hosts)} port {port}: {error.strerror or error}",
            hint="Choose another --port.",
        ) from error


def _secret() -> str:
    local = services.find(Path())
    secret = os.environ.get(SECRET_VARIABLE) or (local.webhook_secret() if local else None)
    if secret is None:
        raise StudyError(
            "there is no secret by which Label Studio's reports are recognised",
            hint=f"Set {SECRET_VARIABLE} to a long random word, here and where studies are advanced.",
        )
    return secret


def _account() -> tuple[str, str] | None:
    """Of a Prefect server that asks for one (``user:password``)."""
    user, colon, password = os.environ.get("PREFECT_API_AUTH_STRING", "").partition(":")
    return (user, password) if colon else None
