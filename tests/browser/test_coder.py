"""A coder at work: logs in, reads the codebook, codes by keyboard, and the code arrives."""

import uuid
from pathlib import Path
from typing import Literal

import pandas as pd
import pytest
import small_study
from playwright.sync_api import Page, expect

from annotator.advance import advance
from annotator.codebook import Code, Codebook
from annotator.coding.form import Form
from annotator.coding.label_studio import LabelStudio
from annotator.coding.protocol import Task
from annotator.services import Services
from annotator.status import status
from annotator.workspace import Workspace, tasks

pytestmark = [pytest.mark.integration, pytest.mark.browser]

EMAIL = "browser@example.com"
SUBMIT = "Control+Enter"
BOOK = Codebook(
    question='Which problem is the "most important" one, <b>by</b> the $text?',
    labels=[
        Code(name="economy", definition="Jobs, prices, taxes.", examples=("everything costs <too> much",)),
        Code(name="$health & care", definition="Hospitals, insurance. " * 10),
        Code(name="other"),
    ],
)
FORM = Form(BOOK, cannot_code=("garbled",), note=True)
LONG = ("A long answer \N{THINKING FACE} with <i>markup</i> that is text. " * 60 + "\n\n") * 3 + "x" * 400


@pytest.fixture
def service(label_studio: Services) -> LabelStudio:
    return LabelStudio(
        label_studio.label_studio_url,
        label_studio.credentials().token,
        "browser test",
        FORM,
        study_id=uuid.uuid4().hex,
    )


def open_task(page: Page, service: LabelStudio, role: Literal["radio", "checkbox"] = "radio") -> None:
    """The address a coder is given; the instructions open first and are closed by keyboard."""
    page.goto(service.address)
    instructions = page.get_by_text("Labeling Instructions")
    expect(instructions).to_be_visible()
    expect(page.get_by_text("everything costs <too> much").first).to_be_visible()
    page.keyboard.press("Escape")
    expect(instructions).to_be_hidden()
    # The instructions come before the task, and the keys only with it.
    expect(page.get_by_role(role)).to_have_count(len(BOOK.labels) + 1)
    page.wait_for_load_state("networkidle")


def submit(page: Page) -> None:
    """Send the answer and wait until it is there."""
    with page.expect_response(
        lambda answer: answer.request.method in {"POST", "PATCH"} and "/annotations" in answer.url
    ):
        page.keyboard.press(SUBMIT)


def test_a_text_is_coded_by_keyboard_and_the_code_is_collected(page: Page, service: LabelStudio) -> None:
    sent = service.send(1, [Task("first", "Hospitals are <b>full</b> & closing.")])
    open_task(page, service)
    expect(page.get_by_text("Hospitals are <b>full</b> & closing.")).to_be_visible()
    page.keyboard.press("2")
    expect(page.get_by_role("radio").nth(1)).to_be_checked()
    submit(page)

    codes = service.collect(sent)
    assert codes[["unit_id", "coder", "label", "skipped"]].to_numpy().tolist() == [
        ["first", EMAIL, "$health & care", False]
    ]
    assert codes["lead_time"][0] > 0


def test_a_reason_and_a_note_instead_of_a_code(page: Page, service: LabelStudio) -> None:
    sent = service.send(1, [Task("only", "\ufffd\ufffd ??")])
    open_task(page, service)
    page.keyboard.press("4")
    expect(page.get_by_role("radio").nth(3)).to_be_checked()
    page.get_by_placeholder("Note (optional)").fill("broken encoding?")
    page.keyboard.press("Tab")
    submit(page)
    codes = service.collect(sent)
    assert codes["label"].isna().tolist() == [True]
    assert codes[["cannot_code", "note", "skipped"]].to_numpy().tolist() == [
        ["garbled", "broken encoding?", False]
    ]


def test_a_code_can_be_changed_afterwards(page: Page, service: LabelStudio, label_studio: Services) -> None:
    sent = service.send(1, [Task("only", "Rents and hospitals!")])
    open_task(page, service)
    page.keyboard.press("1")
    expect(page.get_by_role("radio").nth(0)).to_be_checked()
    submit(page)
    first = service.collect(sent)
    task = int(sent["task_id"][0])
    page.goto(f"{label_studio.label_studio_url}/projects/{service.project_id}/data?task={task}")
    codes = page.locator(".coding").get_by_role("radio")
    expect(codes.nth(0)).to_be_checked()
    page.wait_for_load_state("networkidle")
    page.keyboard.press("2")
    expect(codes.nth(1)).to_be_checked()
    submit(page)
    second = service.collect(sent)
    assert [of["label"].tolist() for of in (first, second)] == [["economy"], ["$health & care"]]
    assert first["annotation_id"].tolist() == second["annotation_id"].tolist()


def test_several_codes_are_ticked_by_keyboard(page: Page, label_studio: Services) -> None:
    book = Codebook(question="Which problems?", type="multilabel", labels=BOOK.labels)
    url, token = label_studio.label_studio_url, label_studio.credentials().token
    service = LabelStudio(url, token, "several codes", Form(book), study_id=uuid.uuid4().hex)
    sent = service.send(1, [Task("only", "Rents and hospitals!")])
    open_task(page, service, "checkbox")
    for key in "21":
        page.keyboard.press(key)
    for place in (0, 1):
        expect(page.get_by_role("checkbox").nth(place)).to_be_checked()
    submit(page)
    assert service.collect(sent)["label"].tolist() == ["economy;$health & care"]


STARTS_AT_THE_RIGHT = """words => {
  const range = document.createRange();
  range.selectNodeContents(words);
  const [line] = range.getClientRects(), box = words.getBoundingClientRect();
  return line.left - box.left > box.right - line.right;
}"""


def test_each_line_starts_on_the_side_of_its_script(page: Page, label_studio: Services) -> None:
    hebrew, mixed = Code(name="בריאות", definition="בתי חולים"), "שכר הדירה (rent) יקר!"
    book = Codebook(question="מהי הבעיה החשובה?", labels=[*BOOK.labels[:2], hebrew])
    url, token = label_studio.label_studio_url, label_studio.credentials().token
    form = Form(book, cannot_code=("garbled",))
    service = LabelStudio(url, token, "two directions", form, study_id=uuid.uuid4().hex)
    service.send(1, [Task("only", f"{mixed}\n\nRents!\n{mixed}")])
    open_task(page, service)
    lines = page.locator(".coding .lsf-richtext__line")
    expect(lines).to_have_text([mixed, "", "Rents!", mixed])
    assert [lines.nth(at).evaluate(STARTS_AT_THE_RIGHT) for at in (0, 2, 3)] == [True, False, True]
    assert page.locator(".coding .question h3").evaluate(STARTS_AT_THE_RIGHT)
    directions = page.get_by_text(hebrew.name).last.evaluate(
        "code => getComputedStyle(code.parentElement).unicodeBidi"
    )
    assert directions == "plaintext"


def test_a_code_by_keyboard_arrives_in_codes_parquet(page: Page, tmp_path: Path) -> None:
    coding = {"kind": "label_studio", "overlap": 0.0}
    path = small_study.write(tmp_path, coding=coding, design={"rounds": 1, "budget": 5}, name="by-hand")
    while not advance(Workspace.open(path)).waiting:
        pass
    workspace = Workspace.open(path)
    address = status(workspace).coding_address
    assert address is not None
    page.goto(address)
    expect(page.get_by_text("Labeling Instructions")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.get_by_role("radio")).to_have_count(len(small_study.CODES))
    page.wait_for_load_state("networkidle")
    page.keyboard.press("3")
    expect(page.get_by_role("radio").nth(2)).to_be_checked()
    with page.expect_response(
        lambda answer: answer.request.method == "POST" and "/annotations" in answer.url
    ):
        page.keyboard.press(SUBMIT)

    assert advance(Workspace.open(path)).message == "1 of 5 units coded"
    codes = pd.read_parquet(tmp_path / "out" / "rounds" / "001" / "codes.parquet")
    first = workspace.store.read_frame(tasks(1)).sort_values("position")["unit_id"].iloc[0]
    assert codes[["unit_id", "coder", "label", "skipped"]].to_numpy().tolist() == [
        [first, EMAIL, small_study.CODES[2], False]
    ]


def test_the_page_is_readable_with_a_long_text(page: Page, service: LabelStudio) -> None:
    service.send(1, [Task("long", LONG)])
    open_task(page, service)
    expect(
        page.get_by_role("heading", name='Which problem is the "most important" one, <b>by</b> the $')
    ).to_be_visible()
    for code, key in zip(BOOK.labels, ["[1]", "[2]", "[3]"], strict=True):
        expect(page.get_by_text(code.name, exact=True)).to_be_in_viewport()
        expect(page.get_by_text(key, exact=True)).to_be_in_viewport()
    expect(page.get_by_text("Jobs, prices, taxes.")).to_be_visible()
    width = page.evaluate("[document.documentElement.scrollWidth, document.documentElement.clientWidth]")
    assert width[0] == width[1]
    text = page.locator(".coding .unit").bounding_box()
    assert text is not None
    assert text["x"] + text["width"] <= 1280
    page.mouse.move(text["x"] + 50, text["y"] + 50)
    page.mouse.wheel(0, text["height"] / 2)
    # However far the text is scrolled, the codes stay in sight.
    expect(page.get_by_text("other", exact=True)).to_be_in_viewport()


def test_nothing_can_be_submitted_without_a_code(page: Page, service: LabelStudio) -> None:
    sent = service.send(1, [Task("only", "Rents!")])
    open_task(page, service)
    page.keyboard.press(SUBMIT)
    page.keyboard.press("3")
    expect(page.get_by_role("radio").nth(2)).to_be_checked()
    assert service.collect(sent).empty


def test_a_suggestion_is_preselected_where_the_study_shows_it_and_nowhere_else(
    page: Page, label_studio: Services
) -> None:
    url, token = label_studio.label_studio_url, label_studio.credentials().token
    form = Form(BOOK, cannot_code=("garbled",), suggests=True)
    service = LabelStudio(url, token, "suggestions", form, study_id=uuid.uuid4().hex)
    sent = service.send(1, [Task("shown", "Rents!", 1, "other"), Task("blind", "Hospitals!")])
    open_task(page, service)
    for _ in sent["unit_id"]:
        # The order is random: the text says which task this is.
        expect(page.get_by_text("Rents!").or_(page.get_by_text("Hospitals!")).first).to_be_visible()
        page.wait_for_load_state("networkidle")
        codes = page.locator(".coding").get_by_role("radio")
        expect(codes).to_have_count(len(BOOK.labels) + 1)
        is_shown = page.get_by_text("Rents!").is_visible()
        assert codes.nth(2).is_checked() == is_shown
        page.keyboard.press("1")
        expect(codes.nth(0)).to_be_checked()
        submit(page)
        page.wait_for_timeout(1000)
    found = service.collect(sent).set_index("unit_id")
    assert found["preannotated"].to_dict() == {"shown": True, "blind": False}
    assert set(found["label"]) == {"economy"}
