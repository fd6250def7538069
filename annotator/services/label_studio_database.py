"""Where the local Label Studio keeps its data: SQLite in its folder, or a PostgreSQL that somebody runs.

The choice is made at the first ``annotator up`` and kept in a private file, so that a later start without
the variable does not come up empty beside the coders' work.
"""

import os
from urllib.parse import unquote, urlsplit

from annotator.errors import ServiceError
from annotator.services.folder import ServicesFolder, write_privately

DATABASE_VARIABLE = "ANNOTATOR_LABEL_STUDIO_DATABASE"
_SQLITE = {"DJANGO_DB": "sqlite"}
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
        return _SQLITE if stored is None else _postgresql(stored)
    settings = _postgresql(named)
    if stored is None:
        if (folder.path / "label-studio" / "label_studio.sqlite3").exists():
            raise _other("SQLite")
        write_privately(kept, named)
    elif _place(_postgresql(stored)) != _place(settings):
        raise _other("another PostgreSQL database")
    elif stored != named:
        write_privately(kept, named)  # a new password
    return settings


def _other(what: str) -> ServiceError:
    return ServiceError(
        f"The Label Studio of this project keeps its data in {what}, not where {DATABASE_VARIABLE} points.",
        hint=f"Unset {DATABASE_VARIABLE}, or run annotator up with another --root.",
    )


def _place(settings: dict[str, str]) -> tuple[str, ...]:
    return tuple(settings[f"POSTGRE_{part}"] for part in ("HOST", "PORT", "NAME"))


def _postgresql(url: str) -> dict[str, str]:
    """Raises ServiceError, without the password, where ``url`` is no address of a PostgreSQL."""
    try:
        parts = urlsplit(url.strip())
        host, port, name = parts.hostname, parts.port or 5432, parts.path.strip("/")
    except ValueError:
        host = port = name = None
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
