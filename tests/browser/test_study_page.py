"""Coders at work on a whole study: whatever they do in the browser, `codes.parquet` says what it came to."""

import re
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from http.server import SimpleHTTPRequestHandler
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import small_study
from local_server import serving
from PIL import Image
from playwright.sync_api import Locator, Page, expect

from annotator.advance import advance
from annotator.codebook import Code, Codebook
from annotator.coding.form import Form
from annotator.coding.label_studio import LabelStudio
from annotator.coding.protocol import Task
from annotator.labeling.fence import joined
from annotator.services import Services
from annotator.status import status
from annotator.workspace import Workspace

pytestmark = [pytest.mark.integration, pytest.mark.browser]

EMAIL = "at-work@example.com"
REASONS = ("garbled", "other language")
CODING = {"kind": "label_studio", "overlap": 0.0, "cannot_code": list(REASONS), "note": True}
ONE_UNIT = {
    "coding": CODING,
    "design": {"rounds": 1, "budget": 1},
    "estimands": [{"name": "prevalence", "kind": "mean"}],
}


@dataclass
class Coding:
    """A study whose task waits on the page of its coder."""

    path: Path
    page: Page

    @property
    def choices(self) -> Locator:
        """The codes, then the reasons."""
        return self.page.locator(".coding").get_by_role("radio")

    def press(self, key: str, place: int) -> None:
        """Choose by keyboard."""
        self.page.keyboard.press(key)
        expect(self.choices.nth(place)).to_be_checked()

    def submit(self, act: Callable[[], None] | None = None) -> None:
        """Send the answer, by keyboard if nothing else is said, and wait until it is there."""
        with self.page.expect_response(
            lambda answer: answer.request.method in {"POST", "PATCH"} and "/annotations" in answer.url
        ):
            (act or partial(self.page.keyboard.press, "Control+Enter"))()

    def answers(self) -> list[list[Any]]:
        """What the study knows after its next tick: label, reason, note, and whether it was skipped."""
        advance(Workspace.open(self.path))
        codes = self.table("codes")
        assert codes["coder"].unique().tolist() == [EMAIL]
        said = codes[["label", "cannot_code", "note", "skipped"]].astype(object)
        return said.where(said.notna(), None).to_numpy().tolist()

    def table(self, name: str) -> pd.DataFrame:
        """A table of the round."""
        return pd.read_parquet(self.path.parent / "out" / "rounds" / "001" / f"{name}.parquet")


def start(page: Page, path: Path) -> Coding:
    """Send the study's round and open the page; the instructions come first."""
    while not advance(Workspace.open(path)).waiting:
        pass
    address = status(Workspace.open(path)).coding_address
    assert address is not None
    page.goto(address)
    expect(page.get_by_text("Labeling Instructions")).to_be_visible()
    page.keyboard.press("Escape")
    coding = Coding(path, page)
    expect(coding.choices).to_have_count(len(small_study.CODES) + len(REASONS))
    page.wait_for_load_state("networkidle")
    return coding


def test_a_code_that_is_changed_replaces_the_first_which_is_kept(page: Page, tmp_path: Path) -> None:
    two_units = {**ONE_UNIT, "design": {"rounds": 1, "budget": 2}}  # so that the round stays open
    coding = start(page, small_study.write(tmp_path, small_study.corpus(2), **two_units))
    project = page.url.split("/data")[0]
    coding.press("1", 0)
    coding.submit()
    assert coding.answers() == [[small_study.CODES[0], None, None, False]]
    tasks = coding.table("tasks").set_index("unit_id")["task_id"]
    page.goto(f"{project}/data?task={tasks[coding.table('codes')['unit_id'][0]]}")
    expect(coding.choices.nth(0)).to_be_checked()
    page.wait_for_load_state("networkidle")
    coding.press("3", 2)
    coding.submit()
    assert coding.answers() == [[small_study.CODES[2], None, None, False]]
    assert coding.table("code_changes")["label"].tolist() == [small_study.CODES[0]]


def test_a_reason_and_a_note_leave_the_unit_without_a_label(page: Page, tmp_path: Path) -> None:
    coding = start(page, small_study.write(tmp_path, small_study.corpus(1), **ONE_UNIT))
    coding.press("5", 4)
    page.get_by_placeholder("Note (optional)").fill("Portuguese?")
    page.keyboard.press("Tab")
    coding.submit()
    assert coding.answers() == [[None, "other language", "Portuguese?", False]]


def test_a_skipped_unit_stays_open(page: Page, tmp_path: Path) -> None:
    coding = start(page, small_study.write(tmp_path, small_study.corpus(1), **ONE_UNIT))
    coding.submit(partial(page.get_by_role("button", name="skip-task").click))
    assert coding.answers() == [[None, None, None, True]]
    assert status(Workspace.open(coding.path)).rounds[0].n_codes_left == 1


def test_a_pair_stands_under_the_names_of_its_columns_and_is_coded(page: Page, tmp_path: Path) -> None:
    both = ("It rains <b>a lot</b>.", "It does not rain. " * 200)
    frame = small_study.corpus(1).assign(claim=both[0], reply=both[1])
    section = {"path": "corpus.csv", "id": "id", "text": ["claim", "reply"]}
    coding = start(page, small_study.write(tmp_path, frame, corpus=section, **ONE_UNIT))
    parts = page.locator(".coding .part")
    expect(parts).to_have_count(2)
    for place, (name, text) in enumerate(zip(("claim", "reply"), both, strict=True)):
        expect(parts.nth(place).get_by_role("heading")).to_have_text(name)
        expect(parts.nth(place)).to_contain_text(text.strip())
    width = page.evaluate("[document.documentElement.scrollWidth, document.documentElement.clientWidth]")
    assert width[0] == width[1]
    page.mouse.move(200, 400)
    page.mouse.wheel(0, 600)
    expect(page.get_by_text(small_study.CODES[1], exact=True)).to_be_in_viewport()
    coding.press("2", 1)
    coding.submit()
    assert coding.answers() == [[small_study.CODES[1], None, None, False]]
    assert pd.read_parquet(tmp_path / "out" / "corpus.parquet")["text"].tolist() == [
        joined(both, ("claim", "reply"))
    ]


@pytest.fixture
def gallery(tmp_path: Path) -> Iterator[tuple[Path, str]]:
    """A folder with a picture, and the address of a plain web server that offers it to everybody."""
    folder = tmp_path / "gallery"
    folder.mkdir()
    Image.new("RGB", (600, 300), "red").save(folder / "red.png")
    handler = partial(SimpleHTTPRequestHandler, directory=str(folder))
    with serving(handler) as address:
        yield folder, f"{address}/red.png"


@pytest.mark.parametrize("what", ["file and text", "file alone", "address"])
def test_an_image_is_seen_and_coded(page: Page, gallery: tuple[Path, str], what: str) -> None:
    folder, address = gallery
    frame = small_study.corpus(1).assign(picture=address if what == "address" else "red.png")
    section = {"path": "corpus.csv", "id": "id", "image": "picture"}
    if what != "file alone":
        section["text"] = "text"
    coding = start(page, small_study.write(folder, frame, corpus=section, **ONE_UNIT))
    picture = page.locator(".coding .picture img").first
    expect(picture).to_be_visible()
    page.wait_for_function("image => image.naturalWidth === 600", arg=picture.element_handle())
    box = picture.bounding_box()
    assert box is not None
    assert box["width"] > 300
    expect(page.get_by_text("text number 0")).to_have_count(0 if what == "file alone" else 1)
    coding.press("1", 0)
    coding.submit()
    assert coding.answers() == [[small_study.CODES[0], None, None, False]]


def test_a_unit_that_two_people_code_looks_like_any_other(page: Page, label_studio: Services) -> None:
    book = Codebook(question="Which side?", labels=[Code(name=code) for code in small_study.CODES])
    url, token = label_studio.label_studio_url, label_studio.credentials().token
    service = LabelStudio(url, token, "looks", Form(book), study_id=uuid.uuid4().hex)
    service.send(1, [Task("once", "The same text."), Task("twice", "The same text.", 2)])
    page.goto(service.address)
    expect(page.get_by_text("Labeling Instructions")).to_be_visible()
    page.keyboard.press("Escape")
    seen = []
    for _ in range(2):
        expect(page.get_by_text("The same text.")).to_be_visible()
        page.wait_for_load_state("networkidle")
        expect(page.get_by_text("successfully")).to_have_count(0)  # what is said of the text before
        numbered = page.locator("body").inner_text()
        seen.append(re.sub(r"\d+\n\d+ of \d+", "", numbered))
        assert seen[-1] != numbered
        page.keyboard.press("1")
        with page.expect_response(lambda answer: answer.request.method == "POST" and "/annot" in answer.url):
            page.keyboard.press("Control+Enter")
        page.wait_for_timeout(1000)
    assert seen[0] == seen[1]
