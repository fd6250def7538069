"""A real browser: Chromium from the system, driven by Playwright, and a person who has logged in."""

import shutil
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

from annotator.coding.accounts import ensure_account
from annotator.services import Services

PASSWORD = "coder-password-1"
PATIENCE = 60_000  # milliseconds: the page's scripts are large and the machine may be busy
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
]


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """A running browser; the test is skipped where none is installed.

    Playwright keeps an event loop running in this thread, so it must end with the tests that need it.
    """
    executable = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if executable is None:
        pytest.skip("no Chromium on this machine; on Debian: apt-get install chromium")
    with sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=executable, args=FLAGS)
        yield running
        running.close()


@pytest.fixture
def page(request: pytest.FixtureRequest, browser: Browser, label_studio: Services) -> Iterator[Page]:
    """The page of the person whom the test file names as ``EMAIL``, logged in."""
    expect.set_options(timeout=PATIENCE)
    url, email = label_studio.label_studio_url, request.module.EMAIL
    ensure_account(url, label_studio.credentials().token, email, PASSWORD)
    context = browser.new_context(viewport={"width": 1280, "height": 800})
    context.set_default_timeout(PATIENCE)
    page = context.new_page()
    page.goto(f"{url}/user/login/")
    page.fill("input[name=email]", email)
    page.fill("input[name=password]", PASSWORD)
    page.click("button[type=submit]")
    page.wait_for_url(lambda address: "/user/login" not in address)
    yield page
    context.close()
