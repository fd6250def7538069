"""The command line: thin commands over the package."""

import json
import sys
import time
from pathlib import Path
from typing import Annotated

import typer

from annotator import __version__, console, services, templates
from annotator.advance import WAITS_FOR, Outcome
from annotator.advance import advance as advance_once
from annotator.check import check as check_study
from annotator.cli_adopt import adopt
from annotator.cli_arguments import Json, StudyPath
from annotator.cli_cache import cache
from annotator.cli_classifiers import evaluate, predict, train
from annotator.cli_estimate import estimate
from annotator.cli_export import export_study
from annotator.cli_label import label
from annotator.cli_plan import plan
from annotator.cli_prompts import prompts
from annotator.cli_simulate import simulate
from annotator.deploy import deploy as deploy_study
from annotator.errors import AnnotatorError, StudyError
from annotator.stages.publish import write_report
from annotator.state import n_closed_rounds
from annotator.status import RoundStatus
from annotator.status import status as study_status
from annotator.workspace import REPORT, Workspace

app = typer.Typer(
    help="Valid numbers about a text corpus from cheap machine labels and few human codes.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
)

Root = Annotated[Path, typer.Option(help="services keep their data in ROOT/.services")]


@app.command()
def init(
    path: Annotated[Path, typer.Argument(help="the study file to write")] = Path("study.yaml"),
    template: Annotated[str, typer.Option(help=f"one of: {', '.join(templates.NAMES)}")] = "survey",
) -> None:
    """Write a commented study file to start from."""
    templates.write(template, path)
    console.out.print(f"{path} is written. Edit it, then run: annotator check {path}")


@app.command()
def check(study: StudyPath, as_json: Json = False) -> None:
    """Look at everything the study names: columns, models, Label Studio, disk. Writes nothing."""
    findings = []
    for finding in check_study(Workspace.open(study)):
        findings.append(finding)
        if not as_json:
            mark = "[red]no[/red]" if finding.error else "[green]ok[/green]"
            console.out.print(f"{mark:>20}  {finding.what:32}", end="")
            console.out.print(finding.detail, markup=False, soft_wrap=True)
            if finding.error and finding.error.hint:
                console.out.print(f"{'':40}{finding.error.hint}", markup=False, style="dim", soft_wrap=True)
    if as_json:
        rows = [{"what": f.what, "ok": f.error is None, "detail": f.detail} for f in findings]
        print(json.dumps(rows, indent=1))
    failed = [finding.error.exit_code for finding in findings if finding.error]
    if failed:
        raise typer.Exit(min(failed))


@app.command()
def up(root: Root = Path()) -> None:
    """Start Prefect and Label Studio on this machine, or use the ones already running."""
    with console.spinner("starting") as progress:
        running = services.up(root, progress=progress)
    console.out.print(f"Prefect       {running.prefect_page_url}")
    console.out.print(f"Label Studio  {running.label_studio_url}")


@app.command()
def down(root: Root = Path()) -> None:
    """Stop what `annotator up` started here. No data is removed."""
    with console.spinner("stopping") as progress:
        stopped = services.down(root, progress=progress)
    console.out.print(f"stopped: {', '.join(stopped)}" if stopped else "nothing was running")


@app.command()
def deploy(
    study: StudyPath,
    cron: Annotated[str, typer.Option(help="when `advance` runs")] = "*/5 * * * *",
) -> None:
    """Register the study's flows in Prefect, `advance` with a schedule."""
    with console.spinner("registering the flows with Prefect"):
        message = deploy_study(Workspace.open(study), cron)
    console.out.print(message, soft_wrap=True)


@app.command()
def advance(
    study: StudyPath,
    force: Annotated[
        bool, typer.Option("--force", help="no longer wait for codes or adjudications that are outstanding")
    ] = False,
    as_json: Json = False,
) -> None:
    """Do the next due thing, in this process, and end."""
    _tell(_advance(Workspace.open(study), force=force), as_json)


@app.command()
def run(
    study: StudyPath,
    wait: Annotated[bool, typer.Option("--wait", help="keep polling while people code")] = False,
    poll: Annotated[float, typer.Option(min=0.1, help="seconds between looks while waiting")] = 30.0,
    as_json: Json = False,
) -> None:
    """Advance until the study is done or waits for people."""
    workspace = Workspace.open(study)
    while True:
        outcome = _advance(workspace)
        _tell(outcome, as_json)
        if outcome.step.stage == "done" or (outcome.waiting and not wait):
            break
        if outcome.waiting:
            time.sleep(poll)
    if not as_json:
        console.show_estimates(study_status(workspace).estimates)


@app.command()
def status(study: StudyPath, as_json: Json = False) -> None:
    """Where the study stands: rounds, coders, intervals, spend, and what it waits for."""
    workspace = Workspace.open(study)
    found = study_status(workspace)
    if as_json:
        print(json.dumps(found.to_json(), indent=1, default=str))
        return
    console.out.print(f"[bold]{found.study}[/bold]: next is {found.next_step}", soft_wrap=True)
    if found.ended_because:
        console.out.print(f"ended: {found.ended_because}")
    for batch in found.batches:
        console.out.print(f"waiting for {batch}", soft_wrap=True)
    if found.coding_address:
        console.out.print(f"coding at {found.coding_address}", soft_wrap=True)
    if found.adjudication_address and found.next_step.stage == "adjudicate":
        console.out.print(f"adjudication at {found.adjudication_address}", soft_wrap=True)
    for source in found.adopted:
        console.out.print(
            f"before the study: {source['units']} units from {source['source']} ({source['use']})"
        )
    for each in found.rounds:
        _show_round(each)
    if found.hours_left:
        work = "coding and adjudication" if workspace.study.coding.gold.adjudicate else "coding"
        console.out.print(f"about {found.hours_left:.1f} hours of {work} left in this round")
    for warning in (*filter(None, found.canary["warning"]), *found.warnings):
        console.out.print("warning: ", style="bold yellow", end="")
        console.out.print(warning, markup=False, soft_wrap=True)
    tables = (
        (found.coders, "Coders"),
        (found.workload.dropna(axis="columns", how="all"), "Coders: texts a day, minutes without a break"),
        (found.machines, "Machine annotators"),
        (found.models, "Classifiers, trained after each round"),
    )
    for frame, title in tables:
        if not frame.empty:
            console.show_frame(frame, title)
    console.show_estimates(found.estimates)


def _show_round(each: RoundStatus) -> None:
    left = f"waiting for {each.n_drawn - each.n_coded} ({each.n_codes_left} codes)"
    all_coded = each.n_coded == each.n_drawn and each.n_adjudicated < each.n_disagreements
    left = "waiting for an adjudicator" if all_coded else left
    state = "closed" if each.is_closed else left
    console.out.print(f"round {each.number}: {each.n_coded} of {each.n_drawn} units coded, {state}")
    if each.n_disagreements:
        settled = f"{each.n_adjudicated} of {each.n_disagreements}"
        console.out.print(f"round {each.number}: {settled} disagreements adjudicated")
    if each.n_late:
        console.out.print(f"round {each.number}: {each.n_late} codes came after it was closed, uncounted")


@app.command()
def report(study: StudyPath) -> None:
    """Write report.html from what is there."""
    workspace = Workspace.open(study)
    closed = n_closed_rounds(workspace)
    if not closed:
        raise StudyError(
            "there is nothing to report yet", hint="The report starts with the first closed round."
        )
    write_report(workspace, closed)
    console.out.print(workspace.store.address(REPORT), soft_wrap=True)


app.command()(adopt)
app.command()(label)
app.command()(cache)
app.command()(plan)
app.command()(prompts)
app.command()(simulate)
app.command()(estimate)
app.command("export")(export_study)
app.command()(train)
app.command()(evaluate)
app.command()(predict)


def _advance(workspace: Workspace, *, force: bool = False) -> Outcome:
    with console.progress_bar() as progress:
        return advance_once(workspace, progress, force=force)


def _tell(outcome: Outcome, as_json: bool) -> None:
    if as_json:
        step = {"stage": outcome.step.stage, "round": outcome.step.round_number}
        print(json.dumps({**step, "message": outcome.message, "waiting": outcome.waiting}), flush=True)
        return
    console.out.print(f"[bold]{outcome.step}[/bold]: ", end="")
    console.out.print(outcome.message, markup=False, soft_wrap=True)
    if outcome.waiting:
        waits_for = WAITS_FOR[outcome.step.stage]
        console.out.print(f"waiting for {waits_for}; run this again then", style="dim")


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
        console.show_error(error)
        sys.exit(error.exit_code)
