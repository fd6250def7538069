"""The command line: thin commands over the package, each in a module that is read when it is called."""

import sys
from typing import Annotated, ClassVar

import typer

from annotator import __version__
from annotator.cli_lazy import DeferredGroup
from annotator.errors import AnnotatorError


class Commands(DeferredGroup):
    """Every command, in the order of the help."""

    places: ClassVar = {
        "init": "annotator.cli_init:init",
        "check": "annotator.cli_check:check",
        "up": "annotator.cli_services:up",
        "down": "annotator.cli_services:down",
        "deploy": "annotator.cli_services:deploy",
        "advance": "annotator.cli_advance:advance",
        "run": "annotator.cli_advance:run",
        "status": "annotator.cli_status:status",
        "report": "annotator.cli_report:report",
        "adopt": "annotator.cli_adopt:adopt",
        "label": "annotator.cli_label:label",
        "cache": "annotator.cli_cache:cache",
        "plan": "annotator.cli_plan:plan",
        "prompts": "annotator.cli_prompts:prompts",
        "simulate": "annotator.cli_simulate:simulate",
        "estimate": "annotator.cli_estimate:estimate",
        "export": "annotator.cli_export:export_study",
        "train": "annotator.cli_classifiers:train",
        "evaluate": "annotator.cli_classifiers:evaluate",
        "predict": "annotator.cli_classifiers:predict",
        "listen": "annotator.cli_listen:listen",
    }


app = typer.Typer(
    cls=Commands,
    help="Valid numbers about a text corpus from cheap machine labels and few human codes.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)


def _version(is_asked: bool) -> None:
    if is_asked:
        print(__version__)
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[bool, typer.Option("--version", callback=_version, is_eager=True)] = False,
) -> None:
    del version


def main() -> None:
    """Entry point: an error a user can mend is shown with its remedy, and sets the exit code."""
    try:
        app()
    except AnnotatorError as error:
        from annotator import console  # noqa: PLC0415 (loads pandas)

        console.show_error(error)
        sys.exit(error.exit_code)
