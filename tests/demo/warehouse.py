"""The packer's part of the demo: staff's own pages, signed in with the demo login, press the real buttons."""

import html
import re

import requests

from tests import desk
from tests.demo.journey import Journey
from tests.demo.stage import FactMissing, Stage, show

PAGES = "/admin/orders/shipment"
TRACKING = "QX123456785GB"


def send_parcel(journey: Journey) -> None:
    """Pick, pack and dispatch the order, and look at stock, order and mail."""
    stage, reference = journey.stage, journey.reference
    browser = _sign_in(stage)
    [(order_pk,)] = stage.rows("SELECT id FROM orders_order WHERE reference = %s", reference)
    picked = _get(browser, f"{stage.base_url}{PAGES}/pick-list/?order={order_pk}")
    form = {"csrfmiddlewaretoken": _field(picked, "csrfmiddlewaretoken"), "picked": _field(picked, "picked")}
    ready = _post(browser, f"{stage.base_url}{PAGES}/pick-list/", {**form, "action": "pack"})
    [(parcel,)] = stage.rows("SELECT reference FROM orders_shipment WHERE order_id = %s", order_pk)
    lots = stage.rows(
        "SELECT l.sku, l.quantity, lot.code FROM orders_shipment_line l JOIN orders_shipment s"
        " ON s.id = l.shipment_id LEFT JOIN catalog_lot lot ON lot.id = l.lot_id WHERE s.reference = %s",
        parcel,
    )
    stage.proof("Staff pick and pack it, each unit from its lot", f"parcel {parcel}: {show(lots)}")
    label = {"carrier": "Royal Mail", f"number_{parcel}": f"{TRACKING}{order_pk}", "parcel": parcel}
    token = {"csrfmiddlewaretoken": _field(ready, "csrfmiddlewaretoken")}
    _post(browser, f"{stage.base_url}{PAGES}/to-dispatch/", {**token, **label, "action": "dispatch"})
    left = stage.rows(
        "SELECT v.sku, m.quantity FROM catalog_stock_movement m JOIN catalog_variant v ON v.id = m.variant_id"
        " WHERE m.cause = %s AND m.kind = 'consumed'",
        f"shipment:{parcel}",
    )
    stage.need(len(left) == len(lots), f"the parcel's units did not leave the stock: {left}")
    seen = stage.call("GET", f"orders/{reference}", token=journey.order["token"])
    stage.need(seen["fulfilment_status"] == "fulfilled", f"the order is {seen['fulfilment_status']}")
    [sent] = seen["shipments"]
    stage.proof("The parcel leaves, and its units the stock", f"{sent['tracking_number']}: {show(left)}")
    journey.mail("shipped", f"order:{reference}", "The mail with the tracking number is delivered")


def _sign_in(stage: Stage) -> requests.Session:
    """Sign in as the demo's staff, by the login that `make run` prints."""
    login = re.search(r"demo login: (\S+) / ([^)\s]+)", stage.manage("show_addresses"))
    if login is None:
        raise FactMissing("`show_addresses` names no demo login")
    return desk.sign_in(stage.base_url, login.group(1), login.group(2))


def _get(browser: requests.Session, url: str) -> str:
    answer = browser.get(url, timeout=30)
    answer.raise_for_status()
    return answer.text


def _post(browser: requests.Session, url: str, form: dict[str, str]) -> str:
    answer = browser.post(url, data=form, headers={"Referer": url}, timeout=30)
    answer.raise_for_status()
    return answer.text


def _field(page: str, name: str) -> str:
    found = re.search(rf'name="{name}" value="([^"]*)"', page)
    return html.unescape(found.group(1)) if found else ""
