"""An adjudicator at work: sees what coders said and not who, decides by keyboard, and the round closes."""

from pathlib import Path

import pytest
import small_study
from playwright.sync_api import Page, expect

from annotator.advance import advance
from annotator.coding.accounts import ensure_account
from annotator.coding.labeling_config import NOTE, TEXT, chosen
from annotator.services import Services
from annotator.state import Step, next_step
from annotator.status import status
from annotator.workspace import Workspace, gold, tasks

pytestmark = [pytest.mark.integration, pytest.mark.browser]

EMAIL = "adjudicator@example.com"
CODERS = ("first.coder@example.com", "second.coder@example.com")
PASSWORD = "coder-password-1"
LEFT, RIGHT, NEITHER = small_study.CODES
CODING = {
    "kind": "label_studio",
    "overlap": 1.0,
    "note": True,
    "cannot_code": ["garbled"],
    "gold": {"adjudicate": True},
}


@pytest.fixture
def disputed(tmp_path: Path, label_studio: Services) -> Workspace:
    """Two people coded five units each through their own accounts, and disagree on one of them."""
    design = {"rounds": 1, "budget": 5}
    path = small_study.write(tmp_path, coding=CODING, design=design, name="to-adjudicate")
    while not advance(Workspace.open(path)).waiting:
        pass
    workspace = Workspace.open(path)
    sent = workspace.store.read_frame(tasks(1)).sort_values("position")
    for coder, first, note in zip(CODERS, (LEFT, RIGHT), ("", "irony <b>perhaps</b>?"), strict=True):
        account = ensure_account(
            label_studio.label_studio_url, label_studio.credentials().token, coder, PASSWORD
        )
        account.log_in()
        for task, code in zip(sent["task_id"], [first, *[NEITHER] * 4], strict=True):
            said = [chosen([code])]
            if note and code == first:
                said.append(
                    {"from_name": NOTE, "to_name": TEXT, "type": "textarea", "value": {"text": [note]}}
                )
            account.client.post(f"/api/tasks/{task}/annotations/", {"result": said, "lead_time": 3.0})
    while next_step(Workspace.open(path)) != Step("adjudicate", 1):
        advance(Workspace.open(path))
    assert advance(Workspace.open(path)).waiting
    return Workspace.open(path)


def test_a_disagreement_is_settled_by_keyboard_and_the_round_closes(page: Page, disputed: Workspace) -> None:
    address = status(disputed).adjudication_address
    assert address is not None
    assert address != status(disputed).coding_address
    page.goto(address)
    instructions = page.get_by_text("Labeling Instructions")
    expect(instructions).to_be_visible()
    expect(page.get_by_text("also one that nobody gave").first).to_be_visible()
    page.keyboard.press("Escape")
    expect(instructions).to_be_hidden()
    codes = page.locator(".coding").get_by_role("radio")
    expect(codes).to_have_count(len(small_study.CODES) + 1)
    page.wait_for_load_state("networkidle")

    unit = disputed.store.read_frame(tasks(1)).sort_values("position")["unit_id"].iloc[0]
    text = disputed.units.set_index("unit_id")["text"][unit]
    expect(page.locator(".coding .unit").get_by_text(text, exact=True)).to_be_visible()
    given = page.locator(".coding .given")
    expect(given.get_by_text("What coders said")).to_be_in_viewport()
    expect(given).to_contain_text(f"\N{BULLET} {LEFT}")
    expect(given).to_contain_text(f"\N{BULLET} {RIGHT} (note: irony <b>perhaps</b>?)")
    # Neither who said it nor what the machine said.
    everything = page.locator("body").inner_text()
    for coder in CODERS:
        assert coder not in everything
        assert coder.split("@")[0] not in everything
    assert [codes.nth(at).is_checked() for at in range(4)] == [False] * 4

    page.keyboard.press("3")
    expect(codes.nth(2)).to_be_checked()
    with page.expect_response(
        lambda answer: answer.request.method == "POST" and "/annotations" in answer.url
    ):
        page.keyboard.press("Control+Enter")

    outcome = advance(Workspace.open(disputed.study.path))
    assert outcome.message == "1 of 1 disagreements adjudicated"
    assert not outcome.waiting
    assert advance(Workspace.open(disputed.study.path)).step == Step("close_round", 1)
    labels = disputed.store.read_frame(gold(1)).set_index("unit_id")
    assert labels.loc[unit].tolist() == [NEITHER, "adjudicated"]
    assert set(labels["how"].drop(unit)) == {"agreed"}
