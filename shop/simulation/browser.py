"""A customer's browser on the shop's own pages about refills, by their account or by a link of a mail."""

import re

from django.test import Client

from orders import refill_links
from orders.models import Refill, Subscription
from orders.refill_links import Purpose
from shop.exceptions import ShopError

SEEN = re.compile(r'name="seen" value="([0-9a-f]{32})"')
ACCOUNT = "account/refills"


class TurnedDown(ShopError):
    """A page did not do what its form asked for; its code says with which status."""

    title = "A page said no"


def send_form(row: Subscription, verb: str, *, by_link: bool, **typed: str) -> None:
    """Open the page of a verb and send its form.

    :raises TurnedDown: if the page does not lead on.
    """
    client = Client()
    base = f"r/{refill_links.token(Purpose.ALL, row.reference)}"
    if not by_link and row.customer.user is not None:
        client.force_login(row.customer.user)
        base = ACCOUNT
    page = f"/{base}/{row.reference}/{verb}"
    tag = SEEN.search(client.get(page).content.decode())
    _lead_on(client.post(page, {"seen": tag[1] if tag else "", **typed}).status_code)


def skip(refill: Refill) -> None:
    """Leave a parcel out by its reminder's link: a mail program looks first, then its reader, who presses.

    :raises TurnedDown: if the page does not lead on.
    """
    client, page = Client(), f"/r/{refill_links.token(Purpose.SKIP, refill.reference)}"
    for _ in range(2):
        client.get(page)
    _lead_on(client.post(page, {}).status_code)


def _lead_on(status: int) -> None:
    if status != 302:
        raise TurnedDown(f"The page answered {status}.", code=f"page_{status}")
