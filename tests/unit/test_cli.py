"""The command line as a person and a script meet it."""

import json
import os
import subprocess
import sys
from pathlib import Path

import adjudicated_study
import pytest
import small_study
from typer.main import get_command

from annotator import cli, templates
from annotator.commands.lazy import Deferred


def run(capsys: pytest.CaptureFixture[str], *arguments: object) -> tuple[int, str, str]:
    """Exit code, standard output and standard error of one command, in this process."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "argv", ["annotator", *map(str, arguments)])
        try:
            cli.main()
            code = 0
        except SystemExit as stopped:
            code = int(stopped.code or 0)
    shown = capsys.readouterr()
    return code, shown.out, shown.err


_COMMANDS = ["init", "check", "plan", "up", "down", "deploy", "advance", "run", "status", "report"]
_COMMANDS += ["simulate", "estimate", "label", "cache"]


def test_every_command_has_help(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = run(capsys, "--help")
    assert code == 0
    for command in _COMMANDS:
        assert command in out
        assert run(capsys, command, "--help")[0] == 0


def test_a_command_says_the_same_in_the_list_and_by_itself(capsys: pytest.CaptureFixture[str]) -> None:
    listed = get_command(cli.app).commands  # type: ignore[attr-defined]
    assert set(_COMMANDS) <= set(listed)
    for name, command in listed.items():
        assert isinstance(command, Deferred)
        assert command.help
        shown = run(capsys, name, "--help")[1]
        assert " ".join(command.help.split())[:60] in " ".join(shown.split())


_SLOW = {"matplotlib", "pandas", "pyarrow", "scipy", "sklearn", "torch", "transformers"}


def modules_of(*arguments: object) -> set[str]:
    """What a command imports."""
    program = (
        "import atexit, sys; sys.argv[0] = 'annotator'; atexit.register(lambda: print(*sys.modules)); "
        "from annotator.cli import main; main()"
    )
    command = [sys.executable, "-c", program, *map(str, arguments)]
    modules = set(subprocess.run(command, capture_output=True, text=True, check=True).stdout.split())
    assert "annotator.cli" in modules
    return modules


@pytest.mark.parametrize("option", ["--version", "--help"])
def test_version_and_help_import_nothing_slow(option: str) -> None:
    assert not modules_of(option) & _SLOW


def test_a_look_at_a_study_imports_only_what_reads_tables(tmp_path: Path) -> None:
    path = small_study.write(tmp_path, design={"rounds": 1, "budget": 20})
    small_study.run_to_the_end(path)
    modules = modules_of("status", path)
    assert "pandas" in modules
    assert not modules & {"matplotlib", "openai", "scipy.stats", "sklearn", "torch", "transformers"}


@pytest.mark.parametrize(
    ("typed", "offered"), [("annotator st", "status"), ("annotator status --js", "--json")]
)
def test_a_shell_completes_commands_and_their_options(typed: str, offered: str) -> None:
    program = Path(sys.executable).parent / "annotator"
    asked = {
        "_ANNOTATOR_COMPLETE": "complete_bash",
        "COMP_WORDS": typed,
        "COMP_CWORD": str(typed.count(" ")),
    }
    done = subprocess.run([program], env={**os.environ, **asked}, capture_output=True, text=True, check=True)
    assert done.stdout.split() == [offered]


@pytest.mark.parametrize("name", templates.NAMES)
def test_init_writes_a_template_once(tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str) -> None:
    path = tmp_path / "study.yaml"
    assert run(capsys, "init", path, "--template", name)[0] == 0
    assert path.read_text() == templates.text(name)
    code, _, err = run(capsys, "init", path)
    assert code == 2
    assert "exists already" in err


def test_unknown_template_lists_those_there_are(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, _, err = run(capsys, "init", tmp_path / "s.yaml", "--template", "poetry")
    assert code == 2
    assert "survey, politeness, stance" in err


def test_run_status_and_report_of_a_whole_study(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = small_study.write(tmp_path)
    code, out, _ = run(capsys, "report", path)
    assert code == 2
    code, out, _ = run(capsys, "status", path)
    assert (code, "next is ingest" in out) == (0, True)
    code, out, _ = run(capsys, "run", path)
    assert code == 0
    assert "Estimates after round 3 (95% intervals)" in out
    code, out, _ = run(capsys, "status", path, "--json")
    found = json.loads(out)
    assert found["next_step"] == "done"
    assert [r["n_coded"] for r in found["rounds"]] == [20, 20, 20]
    assert {row["label"] for row in found["estimates"]} == set(small_study.CODES)
    code, out, _ = run(capsys, "status", path)
    assert "all 3 rounds are closed" in out
    (tmp_path / "out" / "report.html").unlink()
    assert run(capsys, "report", path)[0] == 0
    assert (tmp_path / "out" / "report.html").exists()


def test_advance_tells_a_script_what_it_did(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = small_study.write(tmp_path)
    code, out, _ = run(capsys, "advance", path, "--json")
    assert code == 0
    assert json.loads(out) == {
        "stage": "ingest",
        "round": 0,
        "message": "300 units read",
        "waiting": False,
    }


@pytest.mark.parametrize(
    "arguments",
    [
        ("status",),
        ("plan", "--budget", "8,60"),
        ("estimate", "--methods", "rounds,human_only"),
        ("simulate", "--trials", "2", "--processes", "1", "--methods", "rounds"),
        ("check",),
        ("label",),
        ("label", "--dry-run"),
        ("cache",),
        ("advance",),
    ],
)
@pytest.mark.parametrize("is_done", [False, True])
def test_what_a_script_reads_is_json_for_every_program(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...], is_done: bool
) -> None:
    def refuse(constant: str) -> None:
        raise AssertionError(f"{constant} is no JSON")

    path = small_study.write(tmp_path, design={"rounds": 1, "budget": 20})
    if is_done:
        small_study.run_to_the_end(path)
    code, out, err = run(capsys, arguments[0], path, *arguments[1:], "--json")
    if code == 0:
        json.loads(out, parse_constant=refuse)
    else:
        assert out == ""
        assert err


def test_check_looks_at_everything(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = small_study.write(tmp_path)
    code, out, _ = run(capsys, "check", path, "--json")
    assert code == 0
    rows = json.loads(out)
    assert [row["what"] for row in rows] == [
        "study file",
        "corpus",
        "machine annotator old",
        "coding",
        "output",
    ]
    assert all(row["ok"] for row in rows)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("changes", "wrong", "told"),
    [
        (
            {"corpus": {"path": "none.csv", "text": "text", "covariates": ["party"]}},
            "corpus",
            "there is no corpus",
        ),
        ({"design": {"rounds": 2, "budget": 5000}}, "corpus", "has only 300 units"),
        (
            {"machine": [{"name": "old", "kind": "replay", "label": "nix"}]},
            "machine annotator old",
            "no column 'nix'",
        ),
        ({"coding": {"kind": "replay", "column": "nix"}}, "coding", "no column 'nix'"),
        ({"coding": {"kind": "replay", "column": "party"}}, "coding", "codebook"),
        ({"coding": {"kind": "label_studio"}}, "coding", "annotator up"),
    ],
)
def test_check_names_what_is_wrong(  # noqa: PLR0917 - three of them are one row of the table above
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    changes: dict[str, object],
    wrong: str,
    told: str,
) -> None:
    monkeypatch.setenv("ANNOTATOR_SERVICES", str(tmp_path))  # no services here, whatever else runs
    code, out, _ = run(capsys, "check", small_study.write(tmp_path, **changes))
    assert code == 2
    assert "no  " in out
    assert wrong in out
    assert told in out


def test_check_says_once_what_is_wrong_with_the_corpus(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    nowhere = {"path": "none.csv", "text": "text", "covariates": ["party"]}
    path = adjudicated_study.write(tmp_path, corpus=nowhere)
    code, out, _ = run(capsys, "check", path, "--json")
    assert code == 2
    rows = {row["what"]: row for row in json.loads(out)}
    wrong = ["corpus", "machine annotator old", "coding", "adjudication"]
    assert [what for what, row in rows.items() if not row["ok"]] == wrong
    assert "there is no corpus at" in rows["corpus"]["detail"]
    assert {rows[what]["detail"] for what in wrong[1:]} == {"not looked at: the corpus cannot be read"}
    _, out, _ = run(capsys, "check", path)
    assert out.count("corpus.path is seen from the study file's folder.") == 1


def test_a_broken_study_file_ends_with_two_and_no_traceback(tmp_path: Path) -> None:
    path = small_study.write(tmp_path, design={"rounds": 2, "bugdet": 10})
    program = Path(sys.executable).parent / "annotator"
    done = subprocess.run([program, "run", path], capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "did you mean 'budget'?" in done.stderr
    assert "Traceback" not in done.stderr
    assert list(tmp_path.iterdir()) == [path, tmp_path / "corpus.csv"] or not (tmp_path / "out").exists()
