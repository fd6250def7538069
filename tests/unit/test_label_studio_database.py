"""Where the local Label Studio keeps its data: chosen once, kept privately, never changed unseen."""

import sqlite3
import stat
from pathlib import Path

import pytest

from annotator.errors import ServiceError
from annotator.services.folder import Credentials, ServicesFolder
from annotator.services.label_studio_database import DATABASE_VARIABLE, database
from annotator.services.label_studio_server import LabelStudioServer

URL = "postgresql://ann:p%40ss@db.example.org:5433/studio"
SETTINGS = {
    "DJANGO_DB": "default",
    "POSTGRE_HOST": "db.example.org",
    "POSTGRE_PORT": "5433",
    "POSTGRE_NAME": "studio",
    "POSTGRE_USER": "ann",
    "POSTGRE_PASSWORD": "p@ss",
}


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ServicesFolder:
    monkeypatch.delenv(DATABASE_VARIABLE, raising=False)
    folder = ServicesFolder(tmp_path)
    folder.create()
    (folder.path / "label-studio").mkdir()
    return folder


def sqlite_file(folder: ServicesFolder, *statements: str) -> Path:
    path = folder.path / "label-studio" / "label_studio.sqlite3"
    connection = sqlite3.connect(path)
    for statement in statements:
        connection.execute(statement)
    connection.commit()
    connection.close()
    return path


def test_sqlite_unless_a_postgresql_is_named(folder: ServicesFolder) -> None:
    assert database(folder) == {"DJANGO_DB": "sqlite"}


def test_a_postgresql_is_remembered_privately(
    folder: ServicesFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(DATABASE_VARIABLE, URL)
    assert database(folder) == SETTINGS
    monkeypatch.delenv(DATABASE_VARIABLE)
    assert database(folder) == SETTINGS
    server = LabelStudioServer(folder, Path("label-studio"), Credentials("a@b", "p", "t"))
    assert SETTINGS.items() <= server.environment(1).items()
    assert "p@ss" not in " ".join(server.command(1))
    kept = folder.path / "label-studio-database"
    assert stat.S_IMODE(kept.stat().st_mode) == 0o600


def test_a_new_password_is_taken_and_another_database_is_not(
    folder: ServicesFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    for password in ("old", "new"):
        monkeypatch.setenv(DATABASE_VARIABLE, URL.replace("p%40ss", password))
        assert database(folder)["POSTGRE_PASSWORD"] == password
    monkeypatch.setenv(DATABASE_VARIABLE, URL.replace("5433", "5434"))
    with pytest.raises(ServiceError, match="another PostgreSQL"):
        database(folder)


def test_codes_in_sqlite_are_not_left_behind(folder: ServicesFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    sqlite_file(folder, "CREATE TABLE htx_user (id INTEGER)", "INSERT INTO htx_user VALUES (1)")
    monkeypatch.setenv(DATABASE_VARIABLE, URL)
    with pytest.raises(ServiceError, match="in SQLite"):
        database(folder)


@pytest.mark.parametrize(
    "url", ["mysql://a:secret@h/x", "postgresql://a:secret@/x", "postgresql://h", "x:y:z"]
)
def test_what_is_no_address_is_said_without_the_password(
    folder: ServicesFolder, monkeypatch: pytest.MonkeyPatch, url: str
) -> None:
    monkeypatch.setenv(DATABASE_VARIABLE, url)
    with pytest.raises(ServiceError, match="no address") as error:
        database(folder)
    assert "secret" not in str(error.value)


@pytest.mark.parametrize(
    ("statements", "is_kept"),
    [
        (["CREATE TABLE django_migrations (id INTEGER)"], False),
        (["CREATE TABLE htx_user (id INTEGER)"], False),
        (["CREATE TABLE htx_user (id INTEGER)", "INSERT INTO htx_user VALUES (1)"], True),
    ],
)
def test_a_first_start_killed_half_way_is_begun_anew(
    folder: ServicesFolder, statements: list[str], is_kept: bool
) -> None:
    path = sqlite_file(folder, *statements)
    database(folder)
    assert path.exists() == is_kept
    assert path.with_suffix(".unfinished").exists() != is_kept


def test_a_file_that_cannot_be_read_is_left_alone(folder: ServicesFolder) -> None:
    path = folder.path / "label-studio" / "label_studio.sqlite3"
    path.write_bytes(b"no database at all" * 100)
    database(folder)
    assert path.exists()
