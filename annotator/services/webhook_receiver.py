"""The receiver of Label Studio's webhooks, as a service of a project: `annotator listen`."""

import socket
import sys
from dataclasses import dataclass
from pathlib import Path

from annotator.services.folder import ENVIRONMENT_VARIABLE, WEBHOOK_ADDRESS, ProcessRecord, ServicesFolder
from annotator.services.health import says_up
from annotator.services.ports import LOOPBACK
from annotator.services.server import WEBHOOK_RECEIVER, minimal_environment


@dataclass(frozen=True)
class WebhookReceiver:
    """How to run it. It listens for people on the usual loopback address, for Label Studio on its own."""

    folder: ServicesFolder
    api_url: str
    name: str = WEBHOOK_RECEIVER
    usual_port: int = 4210
    patience: float = 120.0

    def working_directory(self) -> Path:
        """The project's root."""
        return self.folder.root

    def command(self, port: int | None) -> list[str]:
        """The secret is in a private file, which the environment names."""
        hosts = [word for address in (LOOPBACK, WEBHOOK_ADDRESS) for word in ("--host", address)]
        return [sys.executable, "-m", "annotator", "listen", *hosts, "--port", str(port)]

    def environment(self, port: int | None) -> dict[str, str]:
        """Nothing but where Prefect is and whose services these are."""
        del port
        return {
            **minimal_environment(),
            "PREFECT_API_URL": self.api_url,
            ENVIRONMENT_VARIABLE: str(self.folder.root),
        }

    def is_healthy(self, record: ProcessRecord) -> bool:
        """``/health`` says UP."""
        return says_up(record)


def has_address() -> bool:
    """Whether this machine has the address that Label Studio may report to: Linux has, macOS has not."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        try:
            probe.bind((WEBHOOK_ADDRESS, 0))
        except OSError:
            return False
    return True
