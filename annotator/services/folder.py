"""What ``<root>/.services`` holds: the record of what runs, the private credentials, data and logs.

::

    .services/services.json      addresses, process ids, ports; no secret
    .services/credentials.json   the Label Studio account, readable by its owner alone
    .services/webhook-secret     what Label Studio's reports of new codes are recognised by; private too
    .services/label-studio-database   the PostgreSQL of Label Studio, if it has one; private too
    .services/label-studio/      Label Studio's database and files
    .services/prefect/           Prefect's database
    .services/logs/*.log         what the servers print
"""

import json
import os
import secrets
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from pydantic import BaseModel, Field, ValidationError

from annotator.errors import ServiceError

ENVIRONMENT_VARIABLE = "ANNOTATOR_SERVICES"
# Label Studio may reach this address and no other of this machine's network (`label_studio_network`).
WEBHOOK_ADDRESS = "127.0.0.83"
_NAME = ".services"


class Credentials(NamedTuple):
    """The account of Label Studio that the project's own calls use. Its ``repr`` shows the name alone."""

    username: str
    password: str
    token: str

    def __repr__(self) -> str:
        return f"Credentials(username={self.username!r})"


@dataclass(frozen=True)
class Services:
    """Where the services of the project at ``root`` are; without Prefect its addresses are None.

    So is ``webhook_url``, where Label Studio reports new codes, also where the machine has no address for it.
    """

    root: Path
    prefect_api_url: str | None
    prefect_page_url: str | None
    label_studio_url: str
    webhook_url: str | None = None

    def credentials(self) -> Credentials:
        """Read the private file. Raises ServiceError when it is missing or damaged."""
        return ServicesFolder(self.root).credentials()

    def webhook_secret(self) -> str:
        """Read the private file, which is made when it is missing."""
        return ServicesFolder(self.root).ensure_webhook_secret()


class ProcessRecord(BaseModel):
    """One started process. A process id alone may be a stranger's by now; with ``create_time`` it cannot."""

    pid: int
    create_time: float
    port: int | None = None


class Record(BaseModel):
    """The content of ``services.json``. ``ports`` outlives ``processes``, so addresses stay the same."""

    processes: dict[str, ProcessRecord] = Field(default_factory=dict)
    ports: dict[str, int] = Field(default_factory=dict)


@dataclass(frozen=True)
class ServicesFolder:
    """Paths and files of ``<root>/.services``."""

    root: Path
    path: Path = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "path", self.root / _NAME)

    def create(self) -> None:
        """Make the folder: private, and ignored by git wherever the project lives."""
        self.path.mkdir(mode=0o700, parents=True, exist_ok=True)
        (self.path / "logs").mkdir(exist_ok=True)
        ignore = self.path / ".gitignore"
        if not ignore.exists():
            ignore.write_text("*\n")

    def log(self, name: str) -> Path:
        """The log file of the process ``name``."""
        return self.path / "logs" / f"{name}.log"

    def read(self) -> Record:
        """What was recorded; an absent or damaged file reads as nothing, for the processes are marked too."""
        try:
            return Record.model_validate_json((self.path / "services.json").read_bytes())
        except (FileNotFoundError, ValidationError):
            return Record()

    def write(self, record: Record) -> None:
        """Replace ``services.json`` in one step."""
        write_privately(self.path / "services.json", record.model_dump_json(indent=2))

    def services(self) -> Services | None:
        """The recorded addresses; None when no Label Studio was started."""
        record = self.read()
        label_studio = record.processes.get("label-studio")
        prefect = record.processes.get("prefect")
        receiver = record.processes.get("webhook-receiver")
        if label_studio is None:
            return None
        page = f"http://127.0.0.1:{prefect.port}" if prefect else None
        return Services(
            root=self.root,
            prefect_api_url=f"{page}/api" if page else None,
            prefect_page_url=page,
            label_studio_url=f"http://127.0.0.1:{label_studio.port}",
            webhook_url=f"http://{WEBHOOK_ADDRESS}:{receiver.port}" if receiver else None,
        )

    def credentials(self) -> Credentials:
        """Read the private file. Raises ServiceError when it is missing or damaged."""
        path = self.path / "credentials.json"
        try:
            return Credentials(**json.loads(path.read_text()))
        except FileNotFoundError:
            raise ServiceError(f"{path} is missing.", hint="Run: annotator up") from None
        except (ValueError, TypeError):
            raise ServiceError(
                f"{path} cannot be read.",
                hint="Restore it from a backup: it holds the password of Label Studio's account.",
            ) from None

    def ensure_credentials(self) -> Credentials:
        """The stored account, or a newly drawn one."""
        if not (self.path / "credentials.json").exists():
            self.store_credentials(
                Credentials("annotator@localhost", secrets.token_urlsafe(18), secrets.token_hex(20))
            )
        return self.credentials()

    def ensure_webhook_secret(self) -> str:
        """The stored secret, or a newly drawn one."""
        path = self.path / "webhook-secret"
        if not path.exists():
            write_privately(path, secrets.token_urlsafe(32))
        return path.read_text().strip()

    def store_credentials(self, credentials: Credentials) -> None:
        """Write the private file, mode 0600."""
        write_privately(self.path / "credentials.json", json.dumps(credentials._asdict(), indent=2))


def find(start: Path | None = None) -> Services | None:
    """The services that a command run here should use, or None.

    Looks in the folder named by the environment variable ``ANNOTATOR_SERVICES`` (and then nowhere
    else), otherwise in the current directory and its parents, otherwise in ``start`` and its parents.
    A found address is a recorded one: whether it answers is for the caller to see.
    """
    named = os.environ.get(ENVIRONMENT_VARIABLE)
    if named:
        path = Path(named).expanduser().resolve()
        return ServicesFolder(path.parent if path.name == _NAME else path).services()
    for origin in (Path.cwd(), start):
        if origin is None:
            continue
        folder = origin.resolve()
        for root in (folder, *folder.parents):
            services = ServicesFolder(root).services()
            if services is not None:
                return services
    return None


def write_privately(path: Path, text: str) -> None:
    """Replace a file in one step with one that only its owner can read."""
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")  # mode 0600
    with os.fdopen(descriptor, "w") as file:
        file.write(text + "\n")
        file.flush()
        os.fsync(descriptor)
    Path(name).replace(path)
