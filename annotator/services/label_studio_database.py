"""Where the local Label Studio keeps its data: SQLite in its folder, or a PostgreSQL that somebody runs.

The choice is made at the first ``annotator up`` and kept in a private file, so that a later start without
the variable does not come up empty beside the coders' work.
"""

import os
import sqlite3
from contextlib import closing
from pathlib import Path
from urllib.parse import unquote, urlsplit

from annotator.errors import ServiceError
from annotator.services.folder import ServicesFolder, write_privately

DATABASE_VARIABLE = "ANNOTATOR_LABEL_STUDIO_DATABASE"
_FORM = "postgresql://user:password@host:5432/name"


def database(folder: ServicesFolder) -> dict[str, str]:
    """The variables that tell Label Studio its database.

    ``ANNOTATOR_LABEL_STUDIO_DATABASE`` names a PostgreSQL as ``postgresql://user:password@host:port/name``.
    Raises ServiceError where it is written otherwise, or is not the database of the starts before.
    """
    named = os.environ.get(DATABASE_VARIABLE)
    kept = folder.path / "label-studio-database"
    stored = kept.read_text().strip() if kept.exists() else None
    if named is None:
        return _sqlite(folder) if stored is None else _postgresql(stored)
    settings = _postgresql(named)
    if stored is None:
        if _sqlite_file(folder).exists():
            raise _other("SQLite")
        write_privately(kept, named)
    elif _place(_postgresql(stored)) != _place(settings):
        raise _other("another PostgreSQL database")
    elif stored != named:
        write_privately(kept, named)  # a new password
    return settings


def _sqlite(folder: ServicesFolder) -> dict[str, str]:
    """A database whose making was killed half way can never be started again, so it is put aside."""
    file = _sqlite_file(folder)
    if file.exists() and _has_no_account(file):
        file.replace(file.with_suffix(".unfinished"))
    return {"DJANGO_DB": "sqlite"}


def _sqlite_file(folder: ServicesFolder) -> Path:
    return folder.path / "label-studio" / "label_studio.sqlite3"


def _has_no_account(file: Path) -> bool:
    """Label Studio makes its account when all tables are there; without one nobody can have used it."""
    try:
        with closing(sqlite3.connect(file)) as connection:
            tables = connection.execute("SELECT name FROM sqlite_master WHERE name = 'htx_user'").fetchall()
            return not tables or connection.execute("SELECT COUNT(*) FROM htx_user").fetchone() == (0,)
    except sqlite3.Error:
        return False


def _other(what: str) -> ServiceError:
    return ServiceError(
        f"The Label Studio of this project keeps its data in {what}, not where {DATABASE_VARIABLE} points.",
        hint=f"Unset {DATABASE_VARIABLE}, or run annotator up with another --root.",
    )


def _place(settings: dict[str, str]) -> tuple[str, ...]:
    return tuple(settings[f"POSTGRE_{part}"] for part in ("HOST", "PORT", "NAME"))


def _postgresql(url: str) -> dict[str, str]:
    """Raises ServiceError, without the password, where ``url`` is no address of a PostgreSQL."""
    parts = urlsplit(url.strip())
    name = parts.path.strip("/")
    try:
        host, port = parts.hostname, parts.port or 5432
    except ValueError:
        host, port = None, 0
    if host is None or not name or parts.scheme not in {"postgresql", "postgres"}:
        raise ServiceError(
            f"{DATABASE_VARIABLE} is no address of a PostgreSQL database.", hint=f"Write it like {_FORM}"
        )
    return {
        "DJANGO_DB": "default",
        "POSTGRE_HOST": host,
        "POSTGRE_PORT": str(port),
        "POSTGRE_NAME": unquote(name),
        "POSTGRE_USER": unquote(parts.username or "postgres"),
        "POSTGRE_PASSWORD": unquote(parts.password or ""),
    }
