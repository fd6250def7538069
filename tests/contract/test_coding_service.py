"""What every coding service keeps, whoever codes: one test class, each implementation through it."""

import uuid
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from annotator import schema
from annotator.codebook import Code, Codebook
from annotator.coding.accounts import ensure_account
from annotator.coding.form import Form
from annotator.coding.label_studio import LabelStudio
from annotator.coding.protocol import CodingService, Task
from annotator.coding.replay import ReplayCoding
from annotator.coding.simulated import SimulatedCoder

BOOK = Codebook(question="Which problem?", labels=[Code(name="jobs"), Code(name='"health" & <care>')])
TASKS = [Task(f"unit {number}", f"Text {number} \N{THINKING FACE}\nline 2") for number in (3, 1, 2)]
TRUTH = {"unit 1": BOOK.names[0], "unit 2": BOOK.names[1], "unit 3": BOOK.names[1]}
SETS = Codebook(question="Which problems?", type="multilabel", labels=BOOK.labels)
SETS_TRUTH = {"unit 1": BOOK.names[0], "unit 2": ";".join(BOOK.names), "unit 3": "none"}


@dataclass
class Case:
    service: CodingService
    code_everything: Callable[[], object]
    truth: dict[str, str]


@pytest.fixture(params=["one code", "sets"])
def book(request: pytest.FixtureRequest) -> Codebook:
    return BOOK if request.param == "one code" else SETS


SERVERS = ["label_studio", "label_studio_on_postgresql"]


@pytest.fixture(params=["replay", *(pytest.param(name, marks=pytest.mark.integration) for name in SERVERS)])
def case(request: pytest.FixtureRequest, book: Codebook) -> Case:
    return _case(request, Form(book))


@pytest.fixture(params=["replay", pytest.param("label_studio", marks=pytest.mark.integration)])
def adjudication(request: pytest.FixtureRequest, book: Codebook) -> Case:
    """The service of an adjudicator."""
    return _case(request, Form(book, adjudicates=True))


def _case(request: pytest.FixtureRequest, form: Form) -> Case:
    book = form.codebook
    truth = SETS_TRUTH if book.is_multilabel else TRUTH
    if request.param == "replay":
        return Case(ReplayCoding(truth, book), lambda: None, truth)
    running = request.getfixturevalue(request.param)
    url, token = running.label_studio_url, running.credentials().token
    service = LabelStudio(url, token, "contract", form, study_id=uuid.uuid4().hex)

    def code_everything() -> int:
        email, password = "contract@example.com", "coder-password-1"
        ensure_account(url, token, email, password)
        coder = SimulatedCoder(
            url,
            email,
            password,
            answers=truth,
            error_rate=0.0,
            codebook=book,
            rng=np.random.default_rng(0),
        )
        return coder.code(service.project_id)

    return Case(service, code_everything, truth)


def has_schema(frame: pd.DataFrame, expected: pa.Schema) -> bool:
    """Whether the frame has these columns and its values fit their types without loss."""
    fits = pa.Table.from_pandas(frame, schema=expected, preserve_index=False, safe=True)
    return list(frame.columns) == expected.names and fits.num_rows == len(frame)


def test_a_round_from_sending_to_codes(case: Case) -> None:
    service = case.service
    sent = service.send(1, TASKS)
    assert has_schema(sent, schema.TASKS)
    assert sent["unit_id"].tolist() == [task.unit_id for task in TASKS]
    assert sent["position"].tolist() == [0, 1, 2]
    assert sent["task_id"].is_monotonic_increasing
    assert sent["task_id"].is_unique
    pd.testing.assert_frame_equal(service.send(1, TASKS), sent)
    assert service.missing(1, sent) == []

    case.code_everything()
    codes = service.collect(sent)
    assert has_schema(codes, schema.CODES)
    assert dict(zip(codes["unit_id"], codes["label"], strict=True)) == case.truth
    assert not codes["skipped"].any()
    assert codes["annotation_id"].is_unique
    pd.testing.assert_frame_equal(service.collect(sent), codes)
    pd.testing.assert_frame_equal(service.send(1, TASKS), sent)


def test_an_adjudicator_is_sent_what_coders_said_and_answers_like_a_coder(adjudication: Case) -> None:
    service = adjudication.service
    tasks = [replace(task, given=f"\N{BULLET} {BOOK.names[0]}\n\N{BULLET} $text <i>") for task in TASKS]
    sent = service.send(1, tasks)
    changed = [replace(tasks[0], given="\N{BULLET} something else"), *tasks[1:]]
    pd.testing.assert_frame_equal(service.send(1, changed), sent)
    adjudication.code_everything()
    codes = service.collect(sent)
    assert has_schema(codes, schema.CODES)
    assert dict(zip(codes["unit_id"], codes["label"], strict=True)) == adjudication.truth
    # Some of the disagreements, sent again without the others, keep their tasks.
    again = service.send(1, tasks[1:])
    assert again["unit_id"].tolist() == ["unit 1", "unit 2"]
    pd.testing.assert_frame_equal(service.collect(sent), codes)


def test_only_what_is_asked_for_is_collected(case: Case) -> None:
    sent = case.service.send(1, TASKS)
    case.code_everything()
    assert case.service.collect(sent.iloc[:1])["unit_id"].tolist() == ["unit 3"]


def test_several_rounds_are_collected_in_one_look(case: Case) -> None:
    first, second = case.service.send(1, TASKS[:1]), case.service.send(2, TASKS[1:])
    case.code_everything()
    both = case.service.collect(pd.concat([first, second]))
    assert dict(zip(both["unit_id"], both["label"], strict=True)) == case.truth
    assert case.service.collect(second)["unit_id"].tolist() == ["unit 1", "unit 2"]


def test_nothing_gives_empty_tables(case: Case) -> None:
    sent = case.service.send(1, [])
    codes = case.service.collect(sent)
    assert has_schema(sent, schema.TASKS)
    assert has_schema(codes, schema.CODES)
    assert len(sent) == len(codes) == 0


def test_it_can_be_named(case: Case) -> None:
    assert case.service.describe()
