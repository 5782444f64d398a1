"""The main job in its steps. Nothing here updates a row by hand."""

import secrets
from dataclasses import dataclass, field
from typing import Any

from tests.demo.stage import Stage, joined, show

FLAKES, OIL = "FLK-ORI-1000", "OIL-STR-100"
ADDRESS = {
    "name": "Ada Demo",
    "line1": "12 Canal Street",
    "city": "Leeds",
    "postal_code": "LS1 4AP",
    "country": "GB",
}


@dataclass
class Journey:
    """One stranger's way through the shop."""

    stage: Stage
    email: str = field(default_factory=lambda: f"ada-{secrets.token_hex(4)}@customer.example")
    cart: str = ""
    order: dict[str, Any] = field(default_factory=dict)

    def look_around(self) -> None:
        """List products and ask the estimator."""
        products = self.stage.call("GET", "products?currency=GBP")["results"]
        self.stage.need(len(products) == 12, f"12 products expected, {len(products)} listed")
        flakes = next(v for p in products for v in p["variants"] if v["sku"] == FLAKES)
        self.stage.proof(
            "Products are listed",
            f"{len(products)} products; {FLAKES} {flakes['price']['formatted']} ({flakes['unit_price']['label']})",
        )
        question = {"lines": [{"sku": FLAKES, "quantity": 1, "method": "foot", "sessions_per_week": 3}]}
        answer = self.stage.call("POST", "refill-estimate", question)["lines"][0]
        self.stage.need(answer["days"]["expected"] == 15, f"15 days expected: {show(answer)}")
        self.stage.proof(
            "The estimator knows how long 1 kg lasts",
            f"{answer['days']['expected']} days; recommended {show(answer['recommendation'])}",
        )

    def fill_cart(self) -> None:
        """Put flakes and oil on refills of different length, and say where they go."""
        call = self.stage.call
        self.cart = call("POST", "carts", {"country": "GB"}, expect=201)["id"]
        for sku, weeks in ((FLAKES, 4), (OIL, 9)):
            line = {"sku": sku, "quantity": 1, "refill": {"unit": "week", "count": weeks}}
            call("POST", f"carts/{self.cart}/lines", line, expect=201)
        call("PATCH", f"carts/{self.cart}", {"email": self.email, "shipping_address": ADDRESS})
        methods = call("GET", f"carts/{self.cart}/shipping-methods")["results"]
        cart = call("PATCH", f"carts/{self.cart}", {"shipping_method": methods[0]["code"]})
        self.stage.need(cart["problems"] == [], f"the cart has problems: {show(cart['problems'])}")
        lines = [
            f"{line['quantity']} × {line['sku']} every {line['refill']['count']} weeks"
            for line in cart["lines"]
        ]
        self.stage.proof(
            "A guest's cart is filled",
            f"{joined(lines)}; {methods[0]['name']} {methods[0]['price']['formatted']}; "
            f"total {cart['totals']['total']['formatted']}",
        )
        self.total = cart["totals"]["total"]["amount"]

    def order_and_pay(self) -> None:
        """Check out and pay with a test card, as a browser does."""
        body = {"expected_total": self.total, "consents": {"terms": True, "refill": True}}
        self.order = self.stage.call("POST", f"carts/{self.cart}/checkout", body, expect=201)
        held = self._reserved()
        self.stage.need(set(held.values()) == {"held"}, f"the stock is not held: {held}")
        self.stage.proof("The order is written, its stock held", f"{self.reference}: {show(held)}")
        intent = self.stage.pay_as_browser(self.order["payment"]["client_secret"])
        self.stage.proof("The test card is charged in the browser's way", f"{intent} succeeded at Stripe")

    def settle(self) -> None:
        """Wait for the webhook and look at everything it brought."""
        stage = self.stage
        event = stage.wait_for("the webhook", self._webhook)
        stage.proof("Stripe's webhook came and was worked off", f"event {event[0]}")
        paid = stage.wait_for("the order to be paid", self._paid)
        stage.proof("The order is paid", f"{self.reference}: {paid['status']}, {paid['payment_status']}")
        stage.need(
            len(stage.charges_of(self.reference)) == 1, "the ledger has another number of charges than 1"
        )
        held = self._reserved()
        stage.need(set(held.values()) == {"allocated"}, f"the stock is not allocated: {held}")
        stage.proof("The stock is allocated", show(held))
        self.mail("order_confirmation", f"order:{self.reference}", "The confirmation is delivered")
        page = stage.page(self.order["url"])
        stage.need(self.reference in page, "the signed link does not show the order")
        stage.proof("The guest sees the order by its signed link", self.order["url"])

    def come_back(self) -> None:
        """Let four weeks pass: the reminder comes, the worker charges the refill, the second mail arrives."""
        stage = self.stage
        subscriptions = stage.rows(
            "SELECT s.reference, v.sku, c.due_at FROM orders_subscription s"
            " JOIN orders_customer k ON k.id = s.customer_id JOIN catalog_variant v ON v.id = s.variant_id"
            " JOIN orders_billing_cycle c ON c.subscription_id = s.id AND c.status = 'open'"
            " WHERE k.email = %s ORDER BY c.due_at",
            self.email,
        )
        stage.need(
            [row[1] for row in subscriptions] == [FLAKES, OIL], f"two refills expected: {subscriptions}"
        )
        plan = joined([f"{sku} on {due:%-d %B}" for _, sku, due in subscriptions])
        stage.proof("Two refills are planned from one order", plan)
        stage.proof("The clock is moved towards the reminder", stage.manage("move_clock", "--days", "24"))
        refill = stage.wait_for("a refill to be planned", self._refill)
        self.mail("refill_upcoming", f"refill:{refill[0]}", "The reminder is delivered, with its ceiling")
        stage.proof(
            "The clock is moved to the day", stage.manage("move_clock", "--days", "4", "--hours", "8")
        )
        second = stage.wait_for("the refill to be charged", self._second_order)
        charges = stage.charges_of(second[0])
        stage.need(len(charges) == 1, f"{len(charges)} charges for the refill")
        stage.need(
            charges[0]["amount"] == second[1] <= second[2], "the refill cost more than its reminder said"
        )
        stage.proof(
            "The running worker charged the refill once",
            f"order {second[0]}: {second[1]} minor units at Stripe and here; reminder said {second[2]}",
        )
        self.mail("refill_paid", f"refill:{refill[0]}", "The second mail is delivered")

    def read(self) -> None:
        """Read an article and see its product box."""
        articles = self.stage.call("GET", "articles")["results"]
        self.stage.need(bool(articles), "no article is published")
        article = self.stage.call("GET", f"articles/{articles[0]['slug']}")
        boxes = [box["name"] for box in article["product_boxes"]]
        self.stage.need(bool(boxes), "the article has no product box")
        self.stage.proof("An article with its product box", f"{article['title']}: {joined(boxes)}")

    @property
    def reference(self) -> str:
        return str(self.order["reference"])

    def _reserved(self) -> dict[str, str]:
        found = self.stage.rows(
            "SELECT v.sku, r.status FROM catalog_stock_reservation r JOIN catalog_variant v"
            " ON v.id = r.variant_id WHERE r.reference = %s",
            f"order:{self.reference}",
        )
        return dict(found)

    def _webhook(self) -> tuple[Any, ...] | None:
        intent_id = self.order["payment"]["client_secret"].split("_secret_")[0]
        found = self.stage.rows(
            "SELECT event_id FROM orders_webhook_event WHERE object_id = %s"
            " AND type = 'payment_intent.succeeded' AND processed_at IS NOT NULL",
            intent_id,
        )
        return found[0] if found else None

    def _paid(self) -> dict[str, Any] | None:
        order = self.stage.call("GET", f"orders/{self.reference}", token=self.order["token"])
        return order if order["payment_status"] == "paid" else None

    def _refill(self) -> tuple[Any, ...] | None:
        found = self.stage.rows(
            "SELECT r.reference FROM orders_refill r JOIN orders_customer k ON k.id = r.customer_id"
            " WHERE k.email = %s",
            self.email,
        )
        return found[0] if found else None

    def _second_order(self) -> tuple[Any, ...] | None:
        found = self.stage.rows(
            "SELECT o.reference, o.total, r.quoted_total FROM orders_refill r"
            " JOIN orders_order o ON o.id = r.order_id JOIN orders_customer k ON k.id = r.customer_id"
            " WHERE k.email = %s AND r.status = 'paid' AND o.payment_status = 'paid'",
            self.email,
        )
        return found[0] if found else None

    def mail(self, kind: str, subject_key: str, step: str) -> None:
        """Wait until a mail was delivered once, and find it on the page of mails."""
        look = (
            "SELECT subject, message_id FROM mail_outbox"
            " WHERE kind = %s AND subject_key = %s AND status = 'sent' AND \"to\" = %s"
        )
        found = self.stage.wait_for(
            f"the mail {kind}", lambda: self.stage.rows(look, kind, subject_key, self.email)
        )
        self.stage.need(len(found) == 1, f"{len(found)} mails of kind {kind}")
        self.stage.need(found[0][0] in self.stage.page("/mails"), "the mail is not on the mails page")
        self.stage.proof(step, f"“{found[0][0]}” {found[0][1]}")
