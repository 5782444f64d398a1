"""The shop on a real port, Stripe's double sending it webhooks, and the system's Chromium."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from shop.celery import app as celery_app

if TYPE_CHECKING:
    from playwright.sync_api import Page

CHROMIUM = Path("/usr/bin/chromium")


@pytest.fixture
def shop_url(
    live_server: Any, settings: Any, regions: None, monkeypatch: pytest.MonkeyPatch
) -> Iterator[str]:
    """The address of a shop whose payments go to a devstripe of its own, and whose worker is its web."""
    argv = [
        sys.executable, "-m", "shop.devstripe", "--port", "0", "--store", ":memory:",
        "--webhook-url", f"{live_server.url}/webhooks/stripe", "--webhook-secret", settings.STRIPE_WEBHOOK_SECRETS[0],
    ]  # fmt: skip
    process = subprocess.Popen(argv, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    stripe = process.stdout.readline().rsplit(" ", 1)[1].strip()
    settings.STRIPE_API_BASE, settings.STRIPE_JS_URL = stripe, f"{stripe}/v3/"
    celery_app.conf.task_always_eager = True
    # Playwright keeps an event loop in this thread; the tests still ask the database from it.
    monkeypatch.setenv("DJANGO_ALLOW_ASYNC_UNSAFE", "true")
    yield live_server.url
    celery_app.conf.task_always_eager = False
    process.terminate()
    process.wait(timeout=10)


@pytest.fixture
def tab(shop_url: str) -> "Iterator[Page]":
    """A phone-sized page of Chromium beside a running shop; a script error or a breach of the policy fails the test."""
    playwright = pytest.importorskip("playwright.sync_api")
    if not CHROMIUM.exists():
        pytest.skip("no Chromium on this machine")
    complaints: list[str] = []
    with playwright.sync_playwright() as running:
        browser = running.chromium.launch(executable_path=str(CHROMIUM), args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": 390, "height": 844})
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("console", lambda said: complaints.append(said.text) if "olicy" in said.text else None)
        yield page
        browser.close()
    assert complaints == []
