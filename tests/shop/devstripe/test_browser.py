"""The stand-in for stripe.js, in the system's Chromium, on a page with a strict policy."""

import os
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from shop.devstripe.server import Server

playwright = pytest.importorskip("playwright.sync_api")

if TYPE_CHECKING:
    from playwright.sync_api import Page

CHROMIUM = Path("/usr/bin/chromium")
pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(not CHROMIUM.exists(), reason="no Chromium on this machine"),
]
PAGE = """<!doctype html><html lang=en><title>Pay</title><body><form id=form><div id=element></div>
<button id=pay>Pay</button></form><p id=result></p><script src="BASE/endive/stripe.js"></script>
<script src="/shop.js"></script>"""
SHOP = """
const secret = new URLSearchParams(location.search).get("secret");
const stripe = Stripe("pk_test_browser");
const elements = stripe.elements({ clientSecret: secret });
const element = elements.create("payment");
element.on("ready", () => document.body.setAttribute("data-ready", "yes"));
element.on("change", (event) => document.body.setAttribute("data-complete", event.complete));
element.mount("#element");
document.getElementById("form").addEventListener("submit", async (event) => {
  event.preventDefault();
  const confirm = secret.startsWith("seti_") ? "confirmSetup" : "confirmPayment";
  const { error, paymentIntent, setupIntent } = await stripe[confirm]({
    elements, confirmParams: { return_url: location.origin + "/return?order=A1" }, redirect: "if_required",
  });
  const text = error ? `${error.code} ${error.decline_code || ""}` : (paymentIntent || setupIntent).status;
  document.getElementById("result").textContent = text;
});
"""


@pytest.fixture
def shop(server: Server) -> Iterator[str]:
    policy = f"default-src 'none'; script-src 'self' {server.url}; connect-src {server.url}; base-uri 'none'"

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            is_script = self.path == "/shop.js"
            body = SHOP if is_script else PAGE.replace("BASE", server.url)
            if self.path.startswith("/return"):
                body = "<!doctype html><title>Back</title><h1>Back at the shop</h1>"
            self.send_response(200)
            self.send_header("Content-Type", "text/javascript" if is_script else "text/html; charset=utf-8")
            self.send_header("Content-Security-Policy", policy)
            self.end_headers()
            self.wfile.write(body.encode())

        def log_message(self, format: str, *args: Any) -> None:
            pass

    http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=http.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{http.server_address[1]}"
    http.shutdown()
    http.server_close()


@pytest.fixture(scope="module")
def tab() -> "Iterator[Page]":
    with playwright.sync_playwright() as running:
        browser = running.chromium.launch(executable_path=str(CHROMIUM), args=["--no-sandbox"])
        yield browser.new_page(viewport={"width": 480, "height": 720})
        browser.close()


@pytest.fixture
def complaints(tab: "Page") -> list[str]:
    found: list[str] = []
    tab.on("console", lambda message: found.append(message.text) if "olicy" in message.text else None)
    tab.on("pageerror", lambda error: found.append(str(error)))
    return found


def fill(tab: "Page", shop: str, secret: str, number: str) -> None:
    tab.goto(f"{shop}/?secret={secret}")
    tab.get_by_label("Card number").fill(number)
    tab.locator("input[name=expiry]").fill("12 / 34")
    tab.locator("#cvc").fill("123")
    tab.locator("#pay").click()


def new_payment(v1: Any) -> Any:
    return v1.payment_intents.create(
        {"amount": 2000, "currency": "gbp", "automatic_payment_methods": {"enabled": True}}
    )


def test_a_card_is_typed_and_paid(tab: "Page", shop: str, v1: Any, complaints: list[str]) -> None:
    intent = new_payment(v1)

    fill(tab, shop, intent.client_secret, "4242424242424242")

    tab.locator("#result", has_text="succeeded").wait_for()
    assert tab.locator("body[data-ready=yes][data-complete=true]").count() == 1
    assert v1.payment_intents.retrieve(intent.id).amount_received == 2000
    assert complaints == []


def test_a_decline_and_a_typing_mistake_are_told(tab: "Page", shop: str, v1: Any) -> None:
    intent = new_payment(v1)

    fill(tab, shop, intent.client_secret, "4000000000009995")
    tab.locator("#result", has_text="card_declined insufficient_funds").wait_for()
    tab.get_by_label("Card number").fill("4242 4242 4242 4241")
    tab.locator("#pay").click()

    tab.locator("#result", has_text="invalid_number").wait_for()
    assert tab.get_by_role("alert").inner_text() == "Your card number is invalid."


@pytest.mark.parametrize(
    ("button", "outcome", "status"),
    [("Complete", "succeeded", "succeeded"), ("Fail", "failed", "requires_payment_method")],
)
def test_3d_secure_comes_back_to_the_shop(
    tab: "Page", shop: str, v1: Any, button: str, outcome: str, status: str
) -> None:
    intent = new_payment(v1)
    fill(tab, shop, intent.client_secret, "4000000000003220")

    tab.get_by_role("button", name=button).click()

    tab.wait_for_url("**/return?**")
    assert f"order=A1&payment_intent={intent.id}" in tab.url
    assert f"redirect_status={outcome}" in tab.url
    assert v1.payment_intents.retrieve(intent.id).status == status


def test_a_card_is_saved_by_choosing_a_test_card(tab: "Page", shop: str, v1: Any) -> None:
    customer = v1.customers.create({}).id
    intent = v1.setup_intents.create({"customer": customer})
    tab.goto(f"{shop}/?secret={intent.client_secret}")

    tab.get_by_role("button", name="4242 4242 4242 4242").press("Enter")
    if folder := os.environ.get("DEVSTRIPE_SCREENSHOTS"):
        tab.screenshot(path=f"{folder}/form.png")
    tab.locator("#pay").click()

    tab.locator("#result", has_text="succeeded").wait_for()
    assert v1.customers.payment_methods.list(customer).data[0].card.last4 == "4242"


def test_the_overview_shows_what_was_paid(tab: "Page", server: Server, v1: Any) -> None:
    paid = v1.payment_intents.create(
        {"amount": 2000, "currency": "gbp", "payment_method": "pm_card_visa", "confirm": True}
    )
    v1.refunds.create({"payment_intent": paid.id, "amount": 500})

    tab.goto(server.url)

    assert "20.00 GBP captured, 5.00 GBP refunded" in tab.inner_text("main")
    assert tab.get_by_text("TEST", exact=True).is_visible()
    if folder := os.environ.get("DEVSTRIPE_SCREENSHOTS"):
        tab.screenshot(path=f"{folder}/overview.png")
