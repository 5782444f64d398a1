"""One valid request for every operation of the API, about what the owner has. Written by hand."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

from catalog.models import Variant
from orders.models import Order, RefillExtra
from orders.subscriptions import changes, extras, sending
from shop.clock import reading
from tests.factories.catalog import make_variant
from tests.policy import account_asks, world
from tests.policy.callers import Caller
from tests.till import ADDRESS

Ask = Callable[[Caller], Any]
GUESS = "A" * 32


def _get(path: str) -> Ask:
    return lambda caller: caller.send("GET", path)


def _cart(method: str, tail: str = "", body: Any = None) -> dict[str, Ask]:
    """The owner's cart by its id, and one that nobody has."""
    return {
        "": lambda caller: caller.send(method, f"carts/{caller.world.carts['owner']}{tail}", body),
        ".guessed": lambda caller: caller.send(method, f"carts/{GUESS}{tail}", body),
    }


def _line(method: str, body: Any = None) -> dict[str, Ask]:
    """A line of the owner's cart by that cart's id; by an id that nobody has; and by another cart's id."""

    def sent(caller: Caller, cart: str) -> Any:
        row = world.line(caller.world)
        return caller.send(method, f"carts/{cart}/lines/{row.pk}", body)

    return {
        "": lambda caller: sent(caller, caller.world.carts["owner"]),
        ".guessed": lambda caller: sent(caller, GUESS),
        ".theirs": lambda caller: sent(caller, caller.world.carts["manager"]),
    }


def _order(
    method: str, tail: str, body: Any = None, *, of: Callable[[world.World], Order] = world.paid
) -> dict[str, Ask]:
    """An order of the owner's by login; with its token; with the token of another order."""

    def sent(caller: Caller, headers: dict[str, str]) -> Any:
        return caller.send(method, f"orders/{of(caller.world).reference}{tail}", body, **headers)

    return {
        "": lambda caller: sent(caller, {}),
        ".token": lambda caller: sent(caller, world.token_of(of(caller.world))),
        ".foreign": lambda caller: sent(caller, world.token_of(world.foreign(caller.world))),
    }


def _document() -> dict[str, Ask]:
    def sent(caller: Caller, order: Order, headers: dict[str, str]) -> Any:
        code = world.paid(caller.world).invoices.get().code
        return caller.send("GET", f"orders/{order.reference}/documents/{code}", **headers)

    return {
        "": lambda caller: sent(caller, world.paid(caller.world), {}),
        ".token": lambda caller: sent(
            caller, world.paid(caller.world), world.token_of(world.paid(caller.world))
        ),
        # The owner's invoice by way of an order that is open to the caller.
        ".foreign": lambda caller: sent(
            caller, world.foreign(caller.world), world.token_of(world.foreign(caller.world))
        ),
    }


def _subscription(
    tail: str, body: Any = None, *, first: Callable[[world.World], Any] | None = None, method: str = "POST"
) -> Ask:
    """The owner's subscription; `first` puts it into the state that the request is about."""

    def ask(caller: Caller) -> Any:
        if first is not None:
            first(caller.world)
        given = body(caller.world) if callable(body) else body
        reference = world.subscription(caller.world).reference
        return caller.send(method, f"subscriptions/{reference}{tail}", given)

    return ask


def _skipped(made: world.World) -> None:
    changes.skip(world.subscription(made), at=reading.now())


def _paused(made: world.World) -> None:
    changes.pause(world.subscription(made), until=None, at=reading.now())


def _later(made: world.World) -> dict[str, str]:
    cycle = world.subscription(made).cycles.get(status="open")
    return {"next_on": (cycle.due_on + timedelta(days=3)).isoformat()}


def _another(made: world.World) -> dict[str, str]:
    return {"sku": make_variant().sku}


def _total(made: world.World) -> dict[str, int]:
    return {"expected_total": sending.preview(world.subscription(made), at=reading.now()).total}


def _extra(made: world.World) -> str:
    extras.add(world.subscription(made), sku="FLK", quantity=1, at=reading.now())
    return RefillExtra.objects.get().reference


def _subscription_item(caller: Caller) -> Any:
    item, mine = _extra(caller.world), world.subscription(caller.world).reference
    return caller.send("DELETE", f"subscriptions/{mine}/items/{item}")


def _refill_item(caller: Caller) -> Any:
    item, mine = _extra(caller.world), world.refill(caller.world).reference
    return caller.send("DELETE", f"refills/{mine}/items/{item}")


def _bundle(caller: Caller) -> Any:
    return caller.send("GET", f"bundles/{Variant.objects.get(sku='SET').product.slug}")


def _address(method: str, body: Any = None) -> Ask:
    return lambda caller: caller.send(method, f"me/addresses/{world.address(caller.world).pk}", body)


def _check_out(caller: Caller, cart: str) -> Any:
    found = caller.send("GET", f"carts/{caller.world.carts['owner']}").json()
    body = {
        "expected_total": found["totals"]["total"]["amount"],
        "consents": {"terms": True, "refill": True},
    }
    return caller.send("POST", f"carts/{cart}/checkout", body)


def _setup_for(caller: Caller) -> Any:
    body = {"consent": True, "subscription": world.subscription(caller.world).reference}
    return caller.send("POST", "me/cards", body)


def _confirm(caller: Caller) -> Any:
    setup = world.begun_setup(caller.world)
    return caller.send("POST", "me/cards/confirm", {"id": setup["id"]})


def _remove_card(caller: Caller) -> Any:
    setup = world.begun_setup(caller.world)
    Caller(caller.world, "owner").send("POST", "me/cards/confirm", {"id": setup["id"]})
    return caller.send("DELETE", f"me/cards/{world.card(caller.world).stripe_payment_method_id}")


def _merge(caller: Caller) -> Any:
    cart = Caller(caller.world, "stranger").send("POST", "carts", {}).json()["id"]
    return caller.send("POST", "me/cart", {"cart": cart})


def _card_id(made: world.World) -> dict[str, str]:
    return {"card": world.card(made).stripe_payment_method_id}


# By operation; the names within are those behind the dot.
_FAMILIES: dict[str, dict[str, Ask]] = {
    "cart_retrieve": _cart("GET"),
    "cart_update": _cart("PATCH", body={"email": "owner@buyer.example"}),
    "cart_line_create": _cart("POST", "/lines", {"sku": "FLK", "quantity": 1}),
    "cart_line_update": _line("PATCH", {"quantity": 2}),
    "cart_line_delete": _line("DELETE"),
    "cart_shipping_methods": _cart("GET", "/shipping-methods"),
    "cart_checkout": {
        "": lambda caller: _check_out(caller, caller.world.carts["owner"]),
        ".guessed": lambda caller: _check_out(caller, GUESS),
    },
    "order_retrieve": _order("GET", ""),
    "order_payment": _order("POST", "/payment", of=world.unpaid),
    "order_cancel": _order("POST", "/cancel", {"reason": "Too much."}),
    "order_refresh": _order("POST", "/refresh", of=world.unpaid),
    "order_reorder": _order("POST", "/reorder"),
    "order_withdrawal": _order("POST", "/withdrawal", {"statement": "I withdraw."}),
    "order_invoice": _order("GET", "/invoice"),
    "order_document": _document(),
}

ASKS: dict[str, Ask] = {
    "products_list": _get("products"),
    "products_retrieve": _get("products/flakes"),
    "bundles_list": _get("bundles"),
    "bundles_retrieve": _bundle,
    "categories_list": _get("categories"),
    "refill_estimate": lambda caller: caller.send("POST", "refill-estimate", {"lines": [{"sku": "FLK"}]}),
    "back_in_stock_create": lambda caller: caller.send(
        "POST", "back-in-stock", {"sku": "FLK", "email": "me@buyer.example"}
    ),
    "articles_list": _get("articles"),
    "articles_retrieve": _get("articles/a-quiet-soak"),
    "topics_list": _get("topics"),
    "search": _get("search?q=flakes"),
    "cart_create": lambda caller: caller.send("POST", "carts", {"country": "GB"}),
    **{f"{name}{proof}": ask for name, family in _FAMILIES.items() for proof, ask in family.items()},
    "me_retrieve": _get("me"),
    "me_change": lambda caller: caller.send("PATCH", "me", {"name": "A New Name"}),
    "me_addresses": _get("me/addresses"),
    "me_address_create": lambda caller: caller.send(
        "POST", "me/addresses", {**ADDRESS, "name": "Me", "line1": "1 My Way"}
    ),
    "me_address_retrieve": _address("GET"),
    "me_address_change": _address("PATCH", {"city": "York"}),
    "me_address_remove": _address("DELETE"),
    "me_cards": _get("me/cards"),
    "me_card_setup": lambda caller: caller.send("POST", "me/cards", {"consent": True}),
    "me_card_setup.theirs": _setup_for,
    "me_card_confirm": _confirm,
    "me_card_remove": _remove_card,
    "me_cart": _get("me/cart"),
    "me_cart_merge": _merge,
    "my_orders_list": _get("me/orders"),
    "me_export": _get("me/export"),
    "me_forget": lambda caller: caller.send("DELETE", "me", {"password": world.PASSWORD}),
    "subscription_list": _get("subscriptions"),
    "subscription_retrieve": _subscription("", method="GET"),
    "subscription_skip": _subscription("/skip", {}),
    "subscription_unskip": _subscription("/unskip", {}, first=_skipped),
    "subscription_pause": _subscription("/pause", {}),
    "subscription_resume": _subscription("/resume", {}, first=_paused),
    "subscription_change_quantity": _subscription("/change-quantity", {"quantity": 2}),
    "subscription_reschedule": _subscription("/reschedule", _later),
    "subscription_change_card": _subscription("/change-card", _card_id),
    "subscription_change_address": _subscription("/change-address", {"address": ADDRESS}),
    "subscription_lengthen": _subscription("/lengthen", {}),
    "subscription_send_now": _subscription("/send-now", _total),
    "subscription_send_now_price": _subscription("/send-now", method="GET"),
    "subscription_swap": _subscription("/swap", _another),
    "subscription_swap_choices": _subscription("/swap", method="GET"),
    "subscription_items": _subscription("/items", {"sku": "FLK", "quantity": 1}),
    "subscription_item_remove": _subscription_item,
    "refill_item_add": lambda caller: caller.send(
        "POST", f"refills/{world.refill(caller.world).reference}/items", {"sku": "FLK", "quantity": 1}
    ),
    "refill_item_remove": _refill_item,
    "subscription_cancel": _subscription("/cancel", {}),
    "refill_retrieve": lambda caller: caller.send("GET", f"refills/{world.refill(caller.world).reference}"),
    **account_asks.ASKS,
}
