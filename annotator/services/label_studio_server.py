"""The Label Studio server of a project: community edition, one account, no telemetry."""

import os
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path

import httpx

from annotator.errors import ServiceError
from annotator.services.folder import Credentials, ProcessRecord, ServicesFolder
from annotator.services.health import says_up
from annotator.services.label_studio_database import database
from annotator.services.label_studio_network import network
from annotator.services.ports import LOOPBACK
from annotator.services.server import LABEL_STUDIO, minimal_environment

EXECUTABLE_VARIABLE = "ANNOTATOR_LABEL_STUDIO"


@dataclass(frozen=True)
class LabelStudioServer:
    """How to run ``label-studio``. The first start takes about a minute: it creates its database."""

    folder: ServicesFolder
    executable: Path
    credentials: Credentials
    name: str = LABEL_STUDIO
    usual_port: int = 8080
    patience: float = 420.0

    def working_directory(self) -> Path:
        """Its data folder."""
        data = self.folder.path / "label-studio"
        data.mkdir(exist_ok=True)
        return data

    def command(self, port: int | None) -> list[str]:
        """Listens on the loopback interface; takes the next port by itself, unasked, if this one is taken."""
        data = str(self.working_directory())
        listen = ["--internal-host", LOOPBACK, "--port", str(port), "--data-dir", data]
        return [str(self.executable), "start", "--no-browser", *listen, "--enable-legacy-api-token"]

    def environment(self, port: int | None) -> dict[str, str]:
        """The account goes by the environment, which only its owner can read."""
        del port
        return {
            **minimal_environment(),
            "LABEL_STUDIO_BASE_DATA_DIR": str(self.working_directory()),
            "LABEL_STUDIO_USERNAME": self.credentials.username,
            "LABEL_STUDIO_PASSWORD": self.credentials.password,
            "LABEL_STUDIO_USER_TOKEN": self.credentials.token,
            "LABEL_STUDIO_ENABLE_LEGACY_API_TOKEN": "true",
            "LABEL_STUDIO_DISABLE_SIGNUP_WITHOUT_LINK": "true",
            "LABEL_STUDIO_COLLECT_ANALYTICS": "false",
            "LABEL_STUDIO_LATEST_VERSION_CHECK": "false",
            "COLLECT_ANALYTICS": "false",
            "LATEST_VERSION_CHECK": "false",
            "SENTRY_DSN": "",
            "FRONTEND_SENTRY_DSN": "",
            **database(self.folder),
            **network(),
            "LOG_LEVEL": "WARNING",
        }

    def is_healthy(self, record: ProcessRecord) -> bool:
        """``/health`` says UP."""
        return says_up(record)


def find_executable(root: Path) -> Path:
    """The ``label-studio`` program: it has a virtual environment of its own.

    Looks at the environment variable ``ANNOTATOR_LABEL_STUDIO``, in ``<root>/.venv-label-studio``, in
    ``.venv-label-studio`` beside our own virtual environment, and on the ``PATH``.
    Raises ServiceError, saying what to do, when it is in none of them.
    """
    hint = (
        f"Run: make install. Or set {EXECUTABLE_VARIABLE} to the path of an installed label-studio program."
    )
    named = os.environ.get(EXECUTABLE_VARIABLE)
    if named:
        if not os.access(named, os.X_OK):
            raise ServiceError(f"{EXECUTABLE_VARIABLE} names {named}, which cannot be executed.", hint=hint)
        return Path(named).resolve()
    for home in (root, Path(sys.prefix).parent):
        candidate = home / ".venv-label-studio" / "bin" / "label-studio"
        if os.access(candidate, os.X_OK):
            return candidate
    on_path = shutil.which("label-studio")
    if on_path is None:
        raise ServiceError("Label Studio is not installed.", hint=hint)
    return Path(on_path)


def confirm_token(url: str, credentials: Credentials) -> Credentials:
    """The credentials with a token that the server accepts.

    Label Studio stores the account first and our token after it. Was it killed between the two, then
    the account has another token for ever; the password still opens it.
    Raises ServiceError when it does not.
    """
    with httpx.Client(base_url=url, timeout=60, trust_env=False, follow_redirects=True) as client:
        try:
            answer = client.get(
                "/api/current-user/whoami", headers={"Authorization": f"Token {credentials.token}"}
            )
            if answer.status_code == httpx.codes.OK:
                return credentials
            client.get("/user/login/")
            form = {"email": credentials.username, "password": credentials.password}
            headers = {"X-CSRFToken": client.cookies.get("csrftoken") or "", "Referer": url}
            client.post("/user/login/", data=form, headers=headers)
            token = client.get("/api/current-user/token").json().get("token")
        except (httpx.HTTPError, ValueError) as error:
            raise ServiceError(f"Label Studio at {url} answers nonsense: {error}") from error
    if not token:
        raise ServiceError(
            f"Label Studio at {url} refuses the account of .services/credentials.json.",
            hint="Was its password changed in the page? Write the new one into that file.",
        )
    return credentials._replace(token=token)
