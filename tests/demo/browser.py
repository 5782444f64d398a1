"""One purchase in the system's Chromium, where there is one."""

import shutil

from tests.demo.stage import Stage

CHROMIUM_NAMES = ("chromium", "chromium-browser", "google-chrome")

try:
    from playwright.sync_api import Page, sync_playwright
except ImportError:
    sync_playwright = None  # type: ignore[assignment]


def buy(stage: Stage) -> None:
    """Buy a pouch with a card in a real browser, or say why not."""
    path = next((found for name in CHROMIUM_NAMES if (found := shutil.which(name))), None)
    if path is None or sync_playwright is None:
        stage.proof("No purchase in a browser", "Chromium or Playwright is not installed here.")
        return
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
        try:
            page = browser.new_page()
            _buy(stage, page)
        finally:
            browser.close()


def _buy(stage: Stage, page: "Page") -> None:
    page.goto(f"{stage.base_url}/products/magnesium-bath-flakes-unscented")
    page.get_by_role("button", name="Add to cart").click()
    page.goto(f"{stage.base_url}/checkout")
    page.get_by_label("E-mail").fill("browser@customer.example")
    page.get_by_label("Name", exact=True).fill("Bo Browser")
    page.get_by_label("Address line 1").fill("3 Harbour Row")
    page.get_by_label("Town or city").fill("Bristol")
    page.get_by_label("Postcode").fill("BS1 5DB")
    page.get_by_role("button", name="Continue").click()
    raise NotImplementedError
