"""The command line: thin commands over the package, each in a module that is read when it is called."""

import sys
from typing import Annotated, ClassVar

import typer

from annotator import __version__
from annotator.commands.lazy import DeferredGroup
from annotator.errors import AnnotatorError


class Commands(DeferredGroup):
    """Every command, in the order of the help."""

    places: ClassVar = {
        "init": "annotator.commands.init:init",
        "check": "annotator.commands.check:check",
        "up": "annotator.commands.services:up",
        "down": "annotator.commands.services:down",
        "deploy": "annotator.commands.services:deploy",
        "advance": "annotator.commands.advance:advance",
        "run": "annotator.commands.advance:run",
        "status": "annotator.commands.status:status",
        "report": "annotator.commands.report:report",
        "adopt": "annotator.commands.adopt:adopt",
        "label": "annotator.commands.label:label",
        "cache": "annotator.commands.cache:cache",
        "plan": "annotator.commands.plan:plan",
        "prompts": "annotator.commands.prompts:prompts",
        "simulate": "annotator.commands.simulate:simulate",
        "estimate": "annotator.commands.estimate:estimate",
        "export": "annotator.commands.export:export_study",
        "train": "annotator.commands.classifiers:train",
        "evaluate": "annotator.commands.classifiers:evaluate",
        "predict": "annotator.commands.classifiers:predict",
        "listen": "annotator.commands.listen:listen",
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
