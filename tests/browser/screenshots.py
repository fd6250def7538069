"""The pictures of docs/coding.md, taken anew: `python tests/browser/screenshots.py [FOLDER]`.

Needs Chromium and what `make install` installs. Starts a Label Studio in a folder of its own and stops it.
"""

import base64
import io
import math
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from PIL import Image, ImageDraw
from playwright.sync_api import Page, expect, sync_playwright

from annotator import services
from annotator.codebook import Code, Codebook
from annotator.coding.accounts import ensure_account
from annotator.coding.form import Form
from annotator.coding.label_studio import LabelStudio
from annotator.coding.material import Material
from annotator.coding.protocol import Task
from annotator.labeling.fence import joined
from annotator.services import Services

DOCS = Path(__file__).parents[2] / "docs" / "images"
EMAIL, PASSWORD = "coder@example.org", "coder-password-1"
SIZE = {"width": 1280, "height": 800}
COLOURS = 128
FLAGS = ["--no-sandbox", "--disable-gpu", "--no-first-run"]

PROBLEMS = Codebook(
    question="Which problem does the respondent name as the most important one?",
    labels=[
        Code(name="economy", definition="Jobs, prices, taxes.", examples=("everything costs too much",)),
        Code(name="health & care", definition="Hospitals, insurance."),
        Code(name="other", definition="Any other problem."),
    ],
)
STANCE = Codebook(
    question="How does the reply relate to the claim?",
    labels=[
        Code(name="agrees", definition="Supports the claim or adds to it."),
        Code(name="disagrees", definition="Rejects the claim or doubts it."),
        Code(name="neither", definition="Speaks of something else."),
    ],
)
PLACES = Codebook(
    question="What does the picture that was posted show?",
    labels=[
        Code(name="a crowd", definition="Ten people or more."),
        Code(name="a landscape", definition="Nature, without people."),
        Code(name="anything else"),
    ],
)
WARMTH = Codebook(
    question="How warm is the writer towards the government?",
    type="numeric",
    labels=[
        Code(name=str(step), definition={0: "As cold as can be.", 100: "As warm as can be."}.get(step, ""))
        for step in range(0, 101, 5)
    ],
)
SCALE = Codebook(
    question="How polite is the request?",
    type="ordinal",
    labels=[Code(name=name) for name in ("very impolite", "impolite", "neither", "polite", "very polite")],
)
ANSWER = "Rents are far too high, and the hospital in our town was closed last year. "
SPEECH = (
    "Madam Speaker, I rise to speak of the hospitals in the valleys, of the people who wait there, and of "
    "those who no longer do. When I was first elected, a patient in my district waited nine days. "
)
REQUEST = "Could you send me the minutes of the meeting when you have a moment? Thank you so much."
CLAIM = "The minimum wage should rise with prices every year, without a new law each time."
REPLY = "That sounds fair until you run a bakery. My costs rise too, and nobody passes a law for me. "


@dataclass(frozen=True)
class Shot:
    """One picture: what is asked, of what, and what the coder has done; None who still reads the codebook."""

    name: str
    form: Form
    task: Task
    does: Callable[[Page], None] | None


def main() -> None:
    """Take all pictures."""
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else DOCS
    folder.mkdir(parents=True, exist_ok=True)
    with (
        tempfile.TemporaryDirectory() as place,
        running(Path(place)) as label_studio,
        signed_in(label_studio) as page,
    ):
        for shot in shots():
            take(shot, page, label_studio, folder)


@contextmanager
def running(root: Path) -> Iterator[Services]:
    """A Label Studio for as long as it is needed."""
    try:
        yield services.up(root, prefect=False, progress=print)
    finally:
        services.down(root)


@contextmanager
def signed_in(label_studio: Services) -> Iterator[Page]:
    """A coder's page."""
    ensure_account(label_studio.label_studio_url, label_studio.credentials().token, EMAIL, PASSWORD)
    expect.set_options(timeout=60_000)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=FLAGS)
        page = browser.new_page(viewport=SIZE)
        page.set_default_timeout(60_000)
        page.goto(f"{label_studio.label_studio_url}/user/login/")
        page.fill("input[name=email]", EMAIL)
        page.fill("input[name=password]", PASSWORD)
        page.click("button[type=submit]")
        page.wait_for_url(lambda address: "/user/login" not in address)
        yield page
        browser.close()


def take(shot: Shot, page: Page, label_studio: Services, folder: Path) -> None:
    """Open the task, do what the coder has done, and keep the picture small."""
    url, token = label_studio.label_studio_url, label_studio.credentials().token
    service = LabelStudio(url, token, "a study", shot.form, study_id=shot.name)
    service.send(1, [shot.task])
    page.goto(service.address)
    expect(page.get_by_text("Labeling Instructions")).to_be_visible()
    if shot.does is not None:
        page.keyboard.press("Escape")
        expect(page.locator(".coding")).to_be_visible()
        page.wait_for_load_state("networkidle")
        page.wait_for_timeout(1000)
        shot.does(page)
    page.wait_for_timeout(1000)
    path = folder / f"coding-{shot.name}.png"
    page.screenshot(path=path)
    with Image.open(path) as picture:
        picture.convert("RGB").quantize(COLOURS).save(path, optimize=True)
    print(path, path.stat().st_size)


def shots() -> Iterator[Shot]:
    """The pictures, in the order of the page."""
    reasons, warning = ("garbled", "other language"), "Some answers describe violence."
    plain = Form(PROBLEMS, cannot_code=reasons, note=True, content_warning=warning)
    several = Form(PROBLEMS.model_copy(update={"type": "multilabel"}))
    warmth = Form(WARMTH, cannot_code=("not about it",))
    pair = Form(STANCE, material=Material(("claim", "reply")))
    picture = Form(PLACES, material=Material(images=lambda _: landscape()))
    fair = replace(plain, break_after=45, daily_limit=300)
    yield Shot("instructions", fair, Task("u", ANSWER), None)
    yield Shot("one-code", plain, Task("u", ANSWER * 4), says_why)
    yield Shot("several-codes", several, Task("u", ANSWER * 2), presses("1", "2"))
    yield Shot("scale", Form(SCALE), Task("u", REQUEST), presses("4"))
    yield Shot("number", warmth, Task("u", ANSWER * 3), presses("d"))
    yield Shot("long-text", plain, Task("u", (SPEECH * 4 + "\n\n") * 6), scrolls)
    yield Shot("pair", pair, Task("u", joined((CLAIM, REPLY * 6), ("claim", "reply"))), presses("2"))
    yield Shot("image", picture, Task("u", "Sunday at last!"), presses("2"))


def presses(*keys: str) -> Callable[[Page], None]:
    """A coder who presses keys."""

    def does(page: Page) -> None:
        for key in keys:
            page.keyboard.press(key)

    return does


def says_why(page: Page) -> None:
    """A coder who cannot code, and says why."""
    page.keyboard.press("4")
    page.get_by_placeholder("Note (optional)").fill("broken encoding?")


def scrolls(page: Page) -> None:
    """A coder in the middle of a long text."""
    page.keyboard.press("2")
    page.mouse.move(300, 400)
    page.mouse.wheel(0, 500)


def landscape() -> str:
    """A picture that needs no permission: hills under a sky."""
    picture = Image.new("RGB", (1200, 800), "#cfe6f5")
    draw = ImageDraw.Draw(picture)
    draw.ellipse((880, 90, 1010, 220), fill="#fdf3c4")
    for top, colour in ((420, "#a9c3a6"), (520, "#86a982"), (620, "#5f8760")):
        ridge = [(x, top + 60 * math.sin(x / 170 + top)) for x in range(0, 1201, 10)]
        draw.polygon([(0, 800), *ridge, (1200, 800)], fill=colour)
    out = io.BytesIO()
    picture.save(out, "JPEG", quality=85)
    return f"data:image/jpeg;base64,{base64.b64encode(out.getvalue()).decode()}"


if __name__ == "__main__":
    main()
