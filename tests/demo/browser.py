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
    page.get_by_role("link", name="To the checkout").click()
    page.get_by_label("E-mail", exact=True).fill("browser@customer.example")
    page.get_by_label("Full name").fill("Bo Browser")
    page.get_by_label("Address", exact=True).fill("3 Harbour Row")
    page.get_by_label("Postcode").fill("BS1 5DB")
    page.get_by_label("Town or city").fill("Bristol")
    for consent in page.get_by_role("checkbox").all():
        consent.check()
    page.get_by_role("button", name="Order with obligation to pay").click()
    page.wait_for_url("**/pay/**")
    page.get_by_label("Card number").fill("4242424242424242")
    page.locator("#expiry").fill("12 / 34")
    page.locator("#cvc").fill("123")
    page.locator("#pay-button").click()
    page.wait_for_url("**/o/**")
    page.get_by_role("heading", name="Thank you, your order is paid").wait_for()
    stage.proof("A purchase in Chromium", f"{page.title()} at {page.url[:60]}…")
