"""Imports flow one way: models <- annotator <- flows, and annotator never imports Prefect."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
FORBIDDEN = {
    "models": {"annotator", "flows", "prefect", "label_studio_sdk"},
    "annotator": {"flows", "prefect"},
}


def imported(path: Path) -> set[str]:
    """The top-level names of everything a file imports, anywhere in it."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            found.add(node.module.split(".")[0])
    return found


@pytest.mark.parametrize("package", FORBIDDEN)
def test_package_imports_only_what_it_may(package: str) -> None:
    files = sorted((ROOT / package).rglob("*.py"))
    assert files
    wrong = {str(path.relative_to(ROOT)): imported(path) & FORBIDDEN[package] for path in files}
    assert not {path: names for path, names in wrong.items() if names}


def test_files_stay_small_and_are_named_for_what_they_hold() -> None:
    files = [path for package in ("annotator", "flows", "models") for path in (ROOT / package).rglob("*.py")]
    assert not [path.name for path in files if len(path.read_text().splitlines()) > 300]
    assert not {path.stem for path in files} & {"utils", "helpers", "common", "manager", "misc"}
