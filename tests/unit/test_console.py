"""What people named is shown as they named it, and not read as an instruction to the terminal."""

import io
from pathlib import Path

import pandas as pd
import pytest
import small_study
from rich.console import Console
from typer.testing import CliRunner

from annotator import console
from annotator.cli import app

NAME = "codes [final] [/] :heart:"


def test_tables_and_lines(capsys: pytest.CaptureFixture[str]) -> None:
    console.show_frame(pd.DataFrame({NAME: [f"a {NAME}"]}), f"title {NAME}")
    console.show_line(f"bold {NAME}", f": rest {NAME}")
    out = capsys.readouterr().out
    assert all(f"{what} {NAME}" in out for what in ("a", "title", "bold", "rest"))


def test_progress_and_spinner_on_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    shown = io.StringIO()
    monkeypatch.setattr(console, "err", Console(file=shown, force_terminal=True, width=100, emoji=False))
    with console.progress_bar() as progress:
        progress(1, 2, f"labels of {NAME}")
    with console.spinner(f"reading {NAME}"):
        pass
    with console.spinner("reading") as say:
        say(f"still {NAME}")
    assert all(f"{what} {NAME}" in shown.getvalue() for what in ("labels of", "reading", "still"))


def test_the_status_of_a_study_with_such_names(tmp_path: Path) -> None:
    coders = {"unit_id": ["u0001", "u0002"], "coder": f"ann {NAME}", "label": "left"}
    pd.DataFrame(coders).to_csv(tmp_path / "codes [final].csv", index=False)
    frame = small_study.corpus(60).replace("left", "[left]")
    book = {"question": "Which side?", "labels": [{"name": code} for code in ("[left]", "right", "neither")]}
    adopted = [{"file": "codes [final].csv", "use": "known", "labels": {"left": "[left]"}}]
    path = small_study.write(
        tmp_path, frame, codebook=book, design={"rounds": 1, "budget": 30}, adopted=adopted
    )
    shown = CliRunner().invoke(app, ["adopt", str(path)]).output
    assert "codes [final].csv, coders: ann codes [final] [/] :heart: (2)" in shown
    assert "1: codes [final].csv" in shown
    small_study.run_to_the_end(path)
    shown = CliRunner().invoke(app, ["status", str(path)]).output
    assert "before the study: 2 units from codes [final].csv (known)" in shown
    assert " [left] " in shown
