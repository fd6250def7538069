"""`annotator up`, `down` and `deploy`: what runs beside a study."""

from pathlib import Path
from typing import Annotated

import typer

from annotator import console, services
from annotator.commands.arguments import StudyPath
from annotator.deploy import deploy as deploy_study
from annotator.workspace import Workspace

Root = Annotated[Path, typer.Option(help="services keep their data in ROOT/.services")]


def up(root: Root = Path()) -> None:
    """Start Prefect and Label Studio on this machine, or use the ones already running."""
    with console.spinner("starting") as progress:
        running = services.up(root, progress=progress)
    console.out.print(f"Prefect       {running.prefect_page_url}")
    console.out.print(f"Label Studio  {running.label_studio_url}")


def down(root: Root = Path()) -> None:
    """Stop what `annotator up` started here. No data is removed."""
    with console.spinner("stopping") as progress:
        stopped = services.down(root, progress=progress)
    console.out.print(f"stopped: {', '.join(stopped)}" if stopped else "nothing was running")


def deploy(
    study: StudyPath,
    cron: Annotated[str, typer.Option(help="when `advance` runs")] = "*/5 * * * *",
) -> None:
    """Register the study's flows in Prefect, `advance` with a schedule."""
    with console.spinner("registering the flows with Prefect"):
        message = deploy_study(Workspace.open(study), cron)
    console.out.print(message, soft_wrap=True)
