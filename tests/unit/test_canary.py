"""Units asked again before every round: a changed model is noticed, a failing endpoint stops nothing."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import small_study
from chat_endpoint import Answer, ChatEndpoint, completion, error
from typer.testing import CliRunner

from annotator import schema
from annotator.advance import advance
from annotator.cli import app
from annotator.errors import ServiceError
from annotator.labeling.build import spent
from annotator.labeling.drift import compare
from annotator.machines import OpenAIMachine
from annotator.stages import canary
from annotator.state import Step, next_step
from annotator.status import status
from annotator.workspace import Workspace, canary_labels

pytestmark = pytest.mark.usefixtures("no_waiting")

NONE = np.full(20, np.nan)


def says(label: str, confidence: int = 80) -> Callable[[list[dict[str, str]], int], Answer]:
    """Answers every text alike."""
    return lambda messages, _: completion(str(confidence) if len(messages) > 2 else label)


def study_file(folder: Path, base_url: str, **machine: object) -> Path:
    section = {"name": "remote", "kind": "openai", "model": "m", "base_url": base_url, "price_in": 1000.0}
    return small_study.write(
        folder,
        small_study.corpus(120),
        machine=[{**section, "attempts": 2, **machine}],
        design={"rounds": 2, "budget": 40},
    )


def advance_to(path: Path, step: Step) -> Workspace:
    while next_step(Workspace.open(path)) != step:
        advance(Workspace.open(path))
    return Workspace.open(path)


def before_round_2(folder: Path, later: Callable[[list[dict[str, str]], int], Answer]) -> Path:
    """A study whose endpoint says ``left`` until round 1 is closed, and then something else."""
    with ChatEndpoint(says("left")) as endpoint:
        path = study_file(folder, endpoint.base_url)
        advance_to(path, Step("canary", 2))
        endpoint.behave = later
        advance(Workspace.open(path))
    return path


def test_the_same_model_is_no_reason_to_worry(tmp_path: Path) -> None:
    path = before_round_2(tmp_path, says("left"))
    assert [f.drift.n_compared for f in canary.findings(Workspace.open(path))] == [20, 20]
    assert not any(f.warning for f in canary.findings(Workspace.open(path)))
    assert next_step(Workspace.open(path)) == Step("open_round", 2)


def test_another_model_is_noticed_and_told_everywhere(tmp_path: Path) -> None:
    path = before_round_2(tmp_path, says("right"))
    first, second = canary.findings(Workspace.open(path))
    assert first.warning is None
    assert second.drift.n_changed == 20
    assert "20 of 20 labels changed (83 to 100 %)" in str(second.warning)
    shown = CliRunner().invoke(app, ["status", str(path)]).output
    assert "warning: remote may be another model by now" in " ".join(shown.split())
    told = json.loads(CliRunner().invoke(app, ["status", str(path), "--json"]).output)
    assert told["canary"][1]["changed"] == 20
    workspace = small_study.run_to_the_end(path)
    assert "may be another model by now" in workspace.store.read_bytes("report.html").decode()
    assert set(workspace.machine_labels("remote")["label"]) == {"left"}


def test_a_model_that_became_surer_is_noticed_though_no_label_changed(tmp_path: Path) -> None:
    _, second = canary.findings(Workspace.open(before_round_2(tmp_path, says("left", 95))))
    assert second.drift.n_changed == 0
    assert second.drift.confidence_change == pytest.approx(0.15)
    assert "confidence +0.150" in str(second.warning)


def test_the_same_units_are_asked_every_time_and_paid_for(tmp_path: Path) -> None:
    with ChatEndpoint(says("left")) as endpoint:
        path = study_file(tmp_path, endpoint.base_url, canary=7)
        workspace = advance_to(path, Step("canary", 1))
        n_asked, cost = len(endpoint.requests), status(workspace).machines["cost"].item()
        small_study.run_to_the_end(path)
        assert len(endpoint.requests) - n_asked == 2 * 2 * 7
    again = [workspace.store.read_frame(canary_labels("remote", number)) for number in (1, 2)]
    assert again[0]["unit_id"].tolist() == again[1]["unit_id"].tolist()
    assert workspace.store.read(canary_labels("remote", 1)).schema.remove_metadata() == schema.CANARY
    assert status(workspace).machines["cost"].item() == pytest.approx(cost + 2 * 7 * 20 / 1000)


def test_asking_again_stays_within_the_cap(tmp_path: Path) -> None:
    with ChatEndpoint(says("left")) as endpoint:
        path = study_file(tmp_path, endpoint.base_url)
        workspace = advance_to(path, Step("canary", 1))
        (machine,) = workspace.study.machine
        assert isinstance(machine, OpenAIMachine)
        cap = spent(workspace, machine) + 0.6
        path = study_file(tmp_path, endpoint.base_url, max_cost=cap)
        n_asked = len(endpoint.requests)
        outcome = advance(Workspace.open(path))
    assert "of its max_cost of" in outcome.message
    assert spent(Workspace.open(path), machine) <= cap
    assert len(endpoint.requests) - n_asked < 2 * 20
    assert next_step(Workspace.open(path)) == Step("open_round", 1)


def test_a_crash_while_asking_again_pays_for_no_reply_twice(tmp_path: Path) -> None:
    with ChatEndpoint(says("left")) as endpoint:
        path = study_file(tmp_path, endpoint.base_url)
        workspace = advance_to(path, Step("canary", 1))
        advance(workspace)
        n_asked = len(endpoint.requests)
        Path(workspace.store.address(canary_labels("remote", 1))).unlink()
        advance(Workspace.open(path))
        assert len(endpoint.requests) == n_asked


@pytest.mark.parametrize("fault", [error(401), error(503), error(400), Answer(b"[]")])
def test_an_endpoint_that_fails_is_a_note_and_stops_nothing(tmp_path: Path, fault: Answer) -> None:
    path = before_round_2(tmp_path, lambda *_: fault)
    _, second = canary.findings(Workspace.open(path))
    assert second.drift.n_compared == 0
    assert next_step(Workspace.open(path)) == Step("open_round", 2)
    if second.note:
        assert "could not be asked again before round 2" in str(second.warning)


def test_an_endpoint_that_is_gone_is_a_note(tmp_path: Path) -> None:
    with ChatEndpoint(says("left")) as endpoint:
        path = study_file(tmp_path, endpoint.base_url)
        advance_to(path, Step("canary", 1))
    outcome = advance(Workspace.open(path))
    assert "no connection" in outcome.message
    workspace = small_study.run_to_the_end(path)
    assert "could not be asked again" in workspace.store.read_bytes("report.html").decode()


def test_killed_in_the_middle_no_reply_is_paid_twice(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with ChatEndpoint(says("left")) as endpoint:
        path = study_file(tmp_path, endpoint.base_url)
        workspace = advance_to(path, Step("canary", 1))
        n_asked = len(endpoint.requests)

        def killed(*_: object, **__: object) -> None:
            raise ServiceError("killed")

        with monkeypatch.context() as patch:
            patch.setattr(Workspace, "write", killed)
            with pytest.raises(ServiceError, match="killed"):
                advance(workspace)
        advance(Workspace.open(path))
        assert len(endpoint.requests) - n_asked == 2 * 20
    assert next_step(Workspace.open(path)) == Step("open_round", 1)


@pytest.mark.parametrize("kind", ["off", "replay"])
def test_a_deterministic_annotator_is_not_asked_again(tmp_path: Path, kind: str) -> None:
    with ChatEndpoint(says("left")) as endpoint:
        path = (
            small_study.write(tmp_path)
            if kind == "replay"
            else study_file(tmp_path, endpoint.base_url, canary=0)
        )
        seen = []
        while (outcome := advance(Workspace.open(path))).step.stage != "done":
            seen.append(outcome.step.stage)
    assert "canary" not in seen


def test_noise_of_the_first_asking_is_what_later_ones_are_held_against(tmp_path: Path) -> None:
    """An endpoint that says something else to every fourth text whenever it is asked again."""

    def wavers(messages: list[dict[str, str]], times: int) -> Answer:
        number = int(messages[1]["content"].split("text number ")[1].split()[0])
        label = "right" if times > 1 and number % 4 == 0 else "left"
        return completion("80" if len(messages) > 2 else label)

    with ChatEndpoint(wavers) as endpoint:
        path = study_file(tmp_path, endpoint.base_url, canary=60)
        advance_to(path, Step("open_round", 2))
    first, second = canary.findings(Workspace.open(path))
    assert first.warning is not None
    assert second.drift.n_changed == first.drift.n_changed
    assert second.warning is None


def test_the_test_of_labels_is_exact() -> None:
    for n_changed, p in ((0, 1.0), (1, 0.3324), (2, 0.0599), (3, 0.0071)):
        drift = compare(np.arange(20) < n_changed, NONE)
        assert drift.p_changed == pytest.approx(p, abs=1e-4)
        assert drift.is_warning == (n_changed > 2)
    nothing = compare(np.zeros(0, dtype=bool), np.zeros(0))
    assert not nothing.is_warning
    assert str(nothing) == "nothing to compare"


def test_a_model_that_never_changes_is_rarely_suspected() -> None:
    rng = np.random.default_rng(3)
    n_trials = 1500
    suspected = 0
    for _ in range(n_trials):
        moved = np.where(rng.random(20) < 0.5, rng.normal(0, 0.05, 20), 0.0)
        suspected += compare(rng.random(20) < 0.02, moved).is_warning
    assert suspected / n_trials < 0.02
