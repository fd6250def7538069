"""The whole loop on invented survey answers: real servers, model and tasks; simulated or real coders.

python examples/survey/demo.py                     two simulated coders code through Label Studio
python examples/survey/demo.py --coders human      stops where people have to code; run it again after
python examples/survey/demo.py --machine served    the model behind `transformers serve`
python examples/survey/demo.py --fresh             forget the last demo and start over
"""

import argparse
import contextlib
import hashlib
import shutil
import sys
import time
import uuid
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import generate
import httpx
import numpy as np
import pandas as pd
from served_model import served_model

from annotator import console, services
from annotator.advance import is_waiting
from annotator.coding.accounts import ensure_account
from annotator.coding.build import build as build_coding
from annotator.coding.label_studio import LabelStudio
from annotator.coding.label_studio_client import pauses
from annotator.coding.simulated import SimulatedCoder, code_all
from annotator.deploy import deploy
from annotator.errors import AnnotatorError, ServiceError, ServiceUnavailableError
from annotator.services import Services
from annotator.state import Step, next_step
from annotator.status import latest_estimates
from annotator.workspace import REPORT, Workspace, tasks

HERE = Path(__file__).parent
ROOT = HERE.parent.parent
DATA = HERE / "data"
CODERS = {"anna@example.org": 0.06, "ben@example.org": 0.10}  # share of answers coded wrongly
TERMINAL = {"COMPLETED", "FAILED", "CRASHED", "CANCELLED"}


def main() -> None:
    """Run the demo as far as it goes."""
    options = _options()
    study_file = HERE / ("study.yaml" if options.machine == "local" else "study-served.yaml")
    try:
        _make_corpus()
        if options.fresh:
            shutil.rmtree(Workspace.open(study_file).store.root, ignore_errors=True)
        with console.spinner("starting the services") as progress:
            running = services.up(ROOT, progress=progress)
        console.out.print(
            f"Prefect       {running.prefect_page_url}\nLabel Studio  {running.label_studio_url}"
        )
        with served_model(options.machine == "served"):
            is_done = _advance_until_done(study_file, running, options.coders)
        if is_done:
            _show_result(Workspace.open(study_file))
    except AnnotatorError as error:
        console.show_error(error)
        sys.exit(error.exit_code)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--coders", choices=("simulated", "human"), default="simulated")
    parser.add_argument("--machine", choices=("local", "served"), default="local")
    parser.add_argument("--fresh", action="store_true", help="forget the last demo and start over")
    return parser.parse_args()


def _make_corpus() -> None:
    if not (DATA / "responses.csv").exists():
        generate.write(generate.survey(np.random.default_rng(2026), 3000), DATA)


def _advance_until_done(study_file: Path, running: Services, coders: str) -> bool:
    """Let Prefect's worker advance the study, coding in between; False where people have to code."""
    workspace = Workspace.open(study_file)
    if next_step(workspace).stage == "done":
        console.out.print("This demo is done already; `make demo DEMO_ARGS=--fresh` starts it over.")
        return True
    with console.spinner("registering the flows"):
        console.out.print(deploy(workspace, cron="*/10 * * * *"), soft_wrap=True)
    assert running.prefect_api_url is not None
    while True:
        message = _run_flow(running.prefect_api_url, workspace.study.name)
        workspace = Workspace.open(study_file)
        step = next_step(workspace)
        console.show_line("advance", f": {message}; next: {step}")
        if step.stage == "done":
            return True
        if is_waiting(workspace, step):
            if coders == "human":
                _ask_people(workspace, running)
                return False
            _code(workspace, running, step)


def _run_flow(api_url: str, study_name: str) -> str:
    """One run of the deployment `advance`, on the worker, shown in the Prefect page; its last message.

    Prefect cancels it where a run that the schedule or the coders' answers started is at work; then one more
    follows that.
    """
    with httpx.Client(base_url=api_url, timeout=60, trust_env=False) as prefect:
        deployment = _answer(prefect, "GET", f"/deployments/name/advance/{study_name}")["id"]
        with console.spinner("waiting for the worker") as progress:
            while (run := _ended(prefect, deployment, progress))["state_type"] == "CANCELLED":
                _wait_until_idle(prefect, deployment)
        state = run["state"]
        if run["state_type"] in {"FAILED", "CRASHED"}:
            raise ServiceError(
                f"the flow run {run['name']} ended as {run['state_name']}: {state.get('message')}",
                hint=f"Its log: {api_url.removesuffix('/api')}/runs/flow-run/{run['id']}",
            )
        return str(state.get("message") or run["state_name"])


def _ended(prefect: httpx.Client, deployment: str, progress: Callable[[str], None]) -> dict[str, Any]:
    """A new flow run, once it has ended."""
    body = {"idempotency_key": uuid.uuid4().hex}
    run = _answer(prefect, "POST", f"/deployments/{deployment}/create_flow_run", json=body)
    shown = None
    while run["state_type"] not in TERMINAL:
        time.sleep(1)
        run = _answer(prefect, "GET", f"/flow_runs/{run['id']}")
        if shown != run["state_name"]:
            shown = run["state_name"]
            progress(f"flow run {run['name']}: {shown}")
    return dict(run)


def _wait_until_idle(prefect: httpx.Client, deployment: str) -> None:
    at_work = {
        "deployments": {"id": {"any_": [deployment]}},
        "flow_runs": {"state": {"type": {"any_": ["PENDING", "RUNNING"]}}},
    }
    time.sleep(1)
    while _answer(prefect, "POST", "/flow_runs/count", json=at_work):
        time.sleep(2)


def _answer(prefect: httpx.Client, method: str, path: str, **options: Any) -> Any:
    """Asked again while Prefect says 503 or nothing: on SQLite one of two at the same moment has to wait."""
    for pause in pauses(300.0):
        with contextlib.suppress(httpx.TransportError):
            answer = prefect.request(method, path, **options)
            if answer.status_code != httpx.codes.SERVICE_UNAVAILABLE:
                return answer.raise_for_status().json()
        time.sleep(pause)
    raise ServiceUnavailableError(
        f"Prefect at {prefect.base_url} does not answer", hint="This command again goes on from here."
    )


def _code(workspace: Workspace, running: Services, step: Step) -> None:
    """Two coders with accounts of their own code what waits for them."""
    service = build_coding(workspace)
    assert isinstance(service, LabelStudio)
    reference = _reference()
    coders = []
    for number, (email, error_rate) in enumerate(CODERS.items()):
        token = running.credentials().token
        password = hashlib.sha256(f"{email} {token}".encode()).hexdigest()[:24]  # the same every time
        ensure_account(running.label_studio_url, token, email, password)
        coders.append(
            SimulatedCoder(
                running.label_studio_url,
                email,
                password,
                answers=reference,
                error_rate=error_rate,
                codebook=workspace.study.codebook,
                rng=np.random.default_rng([workspace.study.seed, number]),
            )
        )
    wanted = int(workspace.store.read_frame(tasks(step.round_number))["overlap"].sum())
    with console.progress_bar() as progress:
        by_coder = code_all(coders, service.project_id, total=wanted, progress=progress)
    told = ", ".join(f"{email} {count}" for email, count in by_coder.items())
    console.show_line("coding", f" round {step.round_number}: {told}")


def _ask_people(workspace: Workspace, running: Services) -> None:
    console.out.print(
        f"\nPeople code now, at {build_coding(workspace).address}\n"
        f"Sign in as {running.credentials().username}; "
        f"the password is in {running.root}/.services/credentials.json. "
        "Further coders sign up through Organization > Invite people.\n"
        "When they have coded: annotator advance examples/survey/study.yaml, or this command again,"
        " or wait for the schedule.",
        soft_wrap=True,
    )


def _reference() -> Mapping[str, str]:
    rows = pd.read_csv(DATA / "reference.csv", dtype=str)
    return dict(zip(rows["respondent_id"], rows["reference"], strict=True))


def _show_result(workspace: Workspace) -> None:
    """The estimates beside the truth, which this example alone knows."""
    units = workspace.units
    reference = units["unit_id"].map(_reference())
    estimates = latest_estimates(workspace)
    truth = []
    for row in estimates.itertuples():
        by = next(e.by for e in workspace.study.estimands if e.name == row.estimand)
        chosen = reference if by is None else reference[units[by].astype(str) == row.group]
        truth.append(float((chosen == row.label).mean()))
    covered = [
        low <= true <= high
        for low, true, high in zip(estimates["ci_low"], truth, estimates["ci_high"], strict=True)
    ]
    machine = latest_estimates(workspace, "machine_only")["estimate"]
    shown = estimates[["estimand", "label", "group"]].assign(
        reference=[f"{true:.3f}" for true in truth],
        rectified=estimates["estimate"].map("{:.3f}".format),
        interval=[
            f"{low:.3f} to {high:.3f}"
            for low, high in zip(estimates["ci_low"], estimates["ci_high"], strict=True)
        ],
        covered=["yes" if is_in else "no" for is_in in covered],
        **{
            "machine alone": machine.map("{:.3f}".format),
            "codes": estimates["n_human"],
            "worth": estimates["n_effective"].round().astype(int),
        },
    )
    level = workspace.study.confidence_level
    console.show_frame(shown, f"Estimates after {estimates['round'].max()} rounds, {level:.0%} intervals")
    console.out.print(
        f"{sum(covered)} of {len(covered)} intervals cover the reference. They speak of what these coders "
        "would say of every answer, and the coders err too.",
        soft_wrap=True,
    )
    console.out.print(f"Report: {workspace.store.address(REPORT)}", soft_wrap=True)


if __name__ == "__main__":
    main()
