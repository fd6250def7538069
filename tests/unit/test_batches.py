"""Labels by a provider's batches, over real HTTP: what a crash, an expiry or a refusal costs."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
import small_study
import yaml
from batch_provider import BatchProvider
from batch_study import N_UNITS, answers, label, study, tick
from chat_endpoint import Answer, ChatEndpoint, error
from typer.testing import CliRunner

from annotator import schema, study_file
from annotator.cli import app
from annotator.errors import ServiceError, ServiceUnavailableError, StudyError
from annotator.machines import OpenAIMachine
from annotator.provider_batch import ProviderBatch
from annotator.state import Step, next_step
from annotator.status import status
from annotator.workspace import Workspace

pytestmark = pytest.mark.usefixtures("no_waiting")


@pytest.fixture
def provider() -> Iterator[BatchProvider]:
    with BatchProvider(answers) as made:
        yield made


def one_by_one(folder: Path) -> Workspace:
    """The same study asked request by request, at half the prices."""
    with ChatEndpoint(answers) as endpoint:
        path = study(folder, endpoint.base_url, batch=False, price_in=50.0, price_out=50.0)
        tick(path)
    return Workspace.open(path)


def test_two_questions_are_two_batches_at_half_the_price(tmp_path: Path, provider: BatchProvider) -> None:
    path = study(tmp_path / "batches", provider.base_url)
    first = tick(path)
    assert first.waiting
    assert first.message == "waiting for batch batch_0 of remote"
    assert tick(path).message == "waiting for batch batch_0 of remote"
    assert len(provider.batches) == 1
    provider.work()
    assert tick(path).message == "waiting for batch batch_1 of remote"
    provider.work()
    done = tick(path)
    assert (done.waiting, done.message) == (False, "1,200 units labelled by remote")
    assert provider.paid == N_UNITS + 900
    ours, theirs = Workspace.open(path), one_by_one(tmp_path / "one_by_one")
    columns = ["seconds", "attempts"]
    for index in range(ours.n_shards):
        part = f"machine_labels/remote/part-{index:05d}.parquet"
        assert ours.store.read(part).drop_columns(columns) == theirs.store.read(part).drop_columns(columns)
    assert status(ours).machines["cost"].item() == pytest.approx(provider.paid * 12 * 50 / 1e6)
    questions = ours.store.read("machine_labels/remote/batches/00000-01.questions.parquet")
    assert questions.schema.remove_metadata() == schema.BATCH_QUESTIONS
    answered = ours.store.read("machine_labels/remote/batches/00000-02.answers.parquet")
    assert answered.schema.remove_metadata() == schema.BATCH_ANSWERS
    assert provider.authorizations == {"Bearer no-key", None}


def test_status_says_what_is_waited_for(tmp_path: Path, provider: BatchProvider) -> None:
    path = study(tmp_path, provider.base_url)
    assert status(Workspace.open(path)).batches == ()
    shown = CliRunner().invoke(app, ["run", str(path)]).output
    assert "waiting for a provider's batch; run this again then" in shown
    assert "waiting for batch batch_0 of remote" in CliRunner().invoke(app, ["status", str(path)]).output
    told = json.loads(CliRunner().invoke(app, ["status", str(path), "--json"]).output)
    assert told["batches"] == ["batch batch_0 of remote"]


def test_what_expired_is_handed_in_again_and_the_rest_kept(tmp_path: Path, provider: BatchProvider) -> None:
    path = study(tmp_path, provider.base_url)
    tick(path)
    provider.work(expire_after=1000)
    tick(path)
    assert len(provider.files[provider.batches["batch_0"].input_file_id].splitlines()) == N_UNITS
    workspace = label(path, provider)
    assert provider.paid == N_UNITS + 900
    assert set(workspace.machine_labels("remote")["status"]) == {"ok", "off_codebook"}


def test_what_never_gets_an_answer_is_a_row_with_a_status(tmp_path: Path, provider: BatchProvider) -> None:
    def refuses_some(messages: list[dict[str, str]], times: int) -> Answer:
        number = int(messages[1]["content"].split("text number ")[1].split()[0])
        if number < 3:
            return error(400, "too long")
        if number < 7:
            return error(500, "boom") if number < 6 or times == 1 else answers(messages)
        return answers(messages)

    provider.behave = refuses_some
    path = study(tmp_path, provider.base_url, n_units=600)
    rows = label(path, provider).machine_labels("remote").set_index("unit_id")
    assert rows.loc[["u0000", "u0001", "u0002"], "status"].tolist() == ["http_4xx"] * 3
    assert rows.loc["u0000", "attempts"] == 1
    assert "too long" in rows.loc["u0000", "raw"]
    assert rows.loc[["u0003", "u0004", "u0005"], "attempts"].tolist() == [3] * 3
    assert "boom" in rows.loc["u0003", "raw"]
    assert (rows.loc["u0006", "label"], rows.loc["u0006", "status"]) == ("neither", "ok")


def test_a_batch_without_any_answer_is_tried_again_and_then_told(
    tmp_path: Path, provider: BatchProvider
) -> None:
    path = study(tmp_path, provider.base_url, n_units=600)
    for _ in range(3):
        tick(path)
        provider.fail("the model m may not be used in batches")
        tick(path)
    with pytest.raises(ServiceError, match="refused a batch 3 times: the model m may not") as caught:
        tick(path)
    assert not caught.value.retryable
    assert len(provider.batches) == 3
    record = Path(str(caught.value.hint).split("remove ")[1].split(" to hand")[0])
    record.unlink()
    label(path, provider)
    assert provider.paid == 600 + 450


def test_a_model_nobody_knows_is_no_row(tmp_path: Path, provider: BatchProvider) -> None:
    provider.behave = lambda *_: error(404, "no such model")
    path = study(tmp_path, provider.base_url, n_units=600)
    for _ in range(6):
        tick(path)
        provider.work()
    with pytest.raises(ServiceError, match="no such model"):
        tick(path)
    assert next_step(Workspace.open(path)) == Step("label")


def test_a_full_queue_is_waited_for_as_long_as_it_takes(tmp_path: Path, provider: BatchProvider) -> None:
    path = study(tmp_path, provider.base_url, n_units=600)
    for _ in range(5):
        tick(path)
        provider.fail("Enqueued token limit reached", code="token_limit_exceeded")
        assert tick(path).waiting
    label(path, provider)
    assert provider.paid == 600 + 450


def test_files_are_within_limits_and_few_batches_at_a_time(tmp_path: Path, provider: BatchProvider) -> None:
    path = study(tmp_path, provider.base_url, batch={"requests": 200, "at_once": 2})
    while next_step(Workspace.open(path)).stage == "label":
        tick(path)
        assert len(provider.under_way) <= 2
        provider.work()
    sizes = [len(provider.files[batch.input_file_id].splitlines()) for batch in provider.batches.values()]
    assert max(sizes) == 200
    assert provider.paid == sum(sizes) == N_UNITS + 900
    first = provider.files[next(iter(provider.batches.values())).input_file_id].splitlines()[0]
    line = json.loads(first)
    assert (line["method"], line["url"]) == ("POST", "/v1/chat/completions")
    assert line["body"]["model"] == "m"


def test_other_limits_on_the_way_change_nothing_begun(tmp_path: Path, provider: BatchProvider) -> None:
    path = study(tmp_path, provider.base_url, batch={"requests": 500, "at_once": 1})
    tick(path)
    for requests in (1000, 100, 50_000):
        data = yaml.safe_load(path.read_text())
        data["machine"][0]["batch"] = {"requests": requests, "at_once": 3}
        path.write_text(yaml.safe_dump(data))
        provider.work()
        tick(path)
    label(path, provider)
    assert provider.paid == N_UNITS + 900


def test_the_same_text_in_two_batches_is_asked_once(tmp_path: Path, provider: BatchProvider) -> None:
    frame = small_study.corpus(1500)
    frame["text"] = [f"text number {i % 100}" for i in range(1500)]
    machine = {"name": "remote", "kind": "openai", "model": "m", "base_url": provider.base_url}
    path = small_study.write(
        tmp_path, frame, machine=[{**machine, "batch": {"requests": 500, "at_once": 3}, "price_in": 1.0}]
    )
    tick(path)
    workspace = label(path, provider)
    assert provider.paid == 100 + 75
    assert workspace.machine_labels("remote")["cost"].sum() == pytest.approx(175 * 10 * 0.5 / 1e6)


def test_a_provider_that_is_away_is_unavailable_and_resumed(tmp_path: Path, provider: BatchProvider) -> None:
    path = study(tmp_path, provider.base_url, n_units=600)
    provider.faults["POST /v1/batches"] = error(503)
    with pytest.raises(ServiceUnavailableError):
        tick(path)
    assert status(Workspace.open(path)).batches == ("a batch of remote that could not be handed in yet",)
    provider.faults.clear()
    tick(path)
    provider.faults["GET /v1/batches/batch_0"] = error(500)
    with pytest.raises(ServiceUnavailableError):
        tick(path)
    provider.faults.clear()
    label(path, provider)
    assert provider.paid == 600 + 450


@pytest.mark.parametrize("fault", [error(404), error(401), error(400)])
def test_an_endpoint_without_batches_is_told(tmp_path: Path, provider: BatchProvider, fault: Answer) -> None:
    provider.faults["POST /v1/files"] = fault
    with pytest.raises(ServiceError) as caught:
        tick(study(tmp_path, provider.base_url, n_units=600))
    assert caught.value.hint


def test_replies_that_are_known_need_no_batch(tmp_path: Path, provider: BatchProvider) -> None:
    """The output is lost but for the paid replies: nothing is asked again."""
    path = study(tmp_path, provider.base_url, n_units=600)
    label(path, provider)
    for part in (tmp_path / "out" / "machine_labels" / "remote").rglob("*.*"):
        part.unlink()
    assert not tick(path).waiting
    assert provider.paid == 600 + 450
    assert len(provider.batches) == 2


def test_lost_replies_are_in_the_answers(tmp_path: Path, provider: BatchProvider) -> None:
    """The cache is lost but for the output: nothing is asked again."""
    path = study(tmp_path, provider.base_url, n_units=600)
    workspace = label(path, provider)
    for cached in workspace.folder.glob("replies*"):
        cached.unlink()
    for part in (tmp_path / "out" / "machine_labels" / "remote").glob("part*"):
        part.unlink()
    assert not tick(path).waiting
    assert provider.paid == 600 + 450


def test_other_annotators_do_not_wait(tmp_path: Path, provider: BatchProvider) -> None:
    path = study(tmp_path, provider.base_url)
    data = yaml.safe_load(path.read_text())
    data["machine"].append({"name": "old", "kind": "replay", "label": "machine"})
    (tmp_path / "both").mkdir()
    both = small_study.write(tmp_path / "both", small_study.corpus(N_UNITS), machine=data["machine"])
    tick(both)
    assert tick(both).waiting
    assert len(Workspace.open(both).machine_labels("old")) == N_UNITS


def test_garbage_from_the_provider_is_survived(tmp_path: Path, provider: BatchProvider) -> None:
    path = study(tmp_path, provider.base_url, n_units=600)
    tick(path)
    provider.work()
    (batch,) = provider.batches.values()
    assert batch.output_file_id is not None
    lines = provider.files[batch.output_file_id].splitlines()
    strange = [b"", b"{", b"[]", b"{}", b'{"custom_id": 1}', b'{"custom_id": "nobody\'s", "response": {}}']
    other = {
        "custom_id": json.loads(lines[0])["custom_id"],
        "response": {"status_code": 200, "body": {"x": 1}},
    }
    lines[0] = json.dumps(other).encode()
    provider.files[batch.output_file_id] = b"\n".join([*strange, *lines])
    assert set(label(path, provider).machine_labels("remote")["status"]) == {"ok", "off_codebook"}


def section(given: object) -> OpenAIMachine:
    machine = {"name": "gpt", "kind": "openai", "model": "m", "batch": given}
    return OpenAIMachine.model_validate(machine)


def test_the_switch_and_the_section() -> None:
    assert section(True).batch == ProviderBatch()
    assert (section(True).price_factor, section(False).price_factor) == (0.5, 1.0)
    assert section({"price_factor": 0.25}).price_factor == 0.25


def test_a_wrong_key_of_the_section_is_named(tmp_path: Path) -> None:
    with pytest.raises(StudyError, match="did you mean 'requests'"):
        study_file.read(
            small_study.write(
                tmp_path, machine=[{"name": "gpt", "kind": "openai", "model": "m", "batch": {"request": 10}}]
            )
        )
