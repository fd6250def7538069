"""`annotator deploy`: the study's flows, registered in Prefect by Prefect's own program."""

import os
import subprocess
import sys
from pathlib import Path

from annotator import services
from annotator.errors import ServiceError
from annotator.labeling.privacy import shown
from annotator.services.work_pool import ensure_work_pool
from annotator.workspace import Workspace

PREFECT_FILE = Path(__file__).parent.parent / "deployments" / "prefect.yaml"
TAIL_LINES = 15


def deploy(workspace: Workspace, cron: str) -> str:
    """Register the deployments of deployments/prefect.yaml for this study; repeating it updates them.

    Raises StudyError when no Prefect is known, ServiceError when it refuses.
    """
    study = workspace.study
    local = services.find(study.folder)
    api_url = services.prefect_api_url(study.folder)
    ensure_work_pool(api_url)
    services.ensure_zombie_automation(api_url)
    variables = {
        "PREFECT_API_URL": api_url,
        "DO_NOT_TRACK": "1",
        "ANNOTATOR_STUDY": str(study.path),
        "ANNOTATOR_STUDY_NAME": study.name,
        "ANNOTATOR_CRON": cron,
        "ANNOTATOR_PROJECT": str(local.root if local else study.folder),
    }
    _run_prefect(["--no-prompt", "deploy", "--prefect-file", str(PREFECT_FILE), "--all"], variables)
    page = shown(api_url).removesuffix("/api")
    return f"deployed: advance/{study.name} runs at '{cron}', shown at {page}/deployments"


def _run_prefect(arguments: list[str], variables: dict[str, str]) -> None:
    program = Path(sys.executable).parent / "prefect"
    done = subprocess.run(
        [str(program), *arguments],
        env={**os.environ, **variables},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        lines = (done.stdout + done.stderr).strip().splitlines()[-TAIL_LINES:]
        raise ServiceError(
            "prefect did not accept the deployments:\n" + "\n".join(lines),
            hint="Is the Prefect server of the same release? `annotator check` tells what answers.",
        )
