"""What ``up`` needs to know about a program it keeps running."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Protocol

from annotator.services.folder import ProcessRecord

LABEL_STUDIO = "label-studio"
PREFECT = "prefect"
PREFECT_WORKER = "prefect-worker"
WEBHOOK_RECEIVER = "webhook-receiver"

# In the order of stopping. The worker before its server: flow runs can then still tell that they end.
TITLES = {
    WEBHOOK_RECEIVER: "Webhook receiver",
    PREFECT_WORKER: "Prefect worker",
    PREFECT: "Prefect",
    LABEL_STUDIO: "Label Studio",
}

_PASSED_ON = ("PATH", "HOME", "USER", "LANG", "LC_ALL", "LC_CTYPE", "TMPDIR", "TZ")


class Server(Protocol):
    """A program, how to start it, and how to see that it is ready."""

    @property
    def name(self) -> str:
        """One of ``TITLES``: key in the record, and the log file's name."""

    @property
    def usual_port(self) -> int | None:
        """The port to try first; None for a program that listens on none."""

    @property
    def patience(self) -> float:
        """Seconds that a start may take on a slow machine."""

    def command(self, port: int | None) -> list[str]:
        """The command line. It may hold no secret, for every user of the machine can read it."""

    def environment(self, port: int | None) -> Mapping[str, str]:
        """The whole environment of the process."""

    def is_healthy(self, record: ProcessRecord) -> bool:
        """Whether it answers as it should; False while it starts."""

    def working_directory(self) -> Path:
        """An existing folder to start it in."""


def minimal_environment() -> dict[str, str]:
    """The variables any program needs, and no other.

    A server inherits no key it has no business with and no setting it was not meant to have: Label
    Studio reads plain names such as ``HOST``, ``DEBUG`` or ``CI``.
    """
    kept = {name: os.environ[name] for name in _PASSED_ON if name in os.environ}
    return {"PATH": os.defpath, **kept, "PYTHONUNBUFFERED": "1"}
