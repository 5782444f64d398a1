"""What people see: the bank's 3-D Secure page, the overview, receipts, and the browser's files."""

from __future__ import annotations

import html
import time
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

from . import confirmation, control, errors, intents, setup_intents
from .context import Context
from .store import Obj, Store

BROWSER = Path(__file__).parent / "browser"
SCRIPT = (BROWSER / "stripe.js").read_text("utf-8")
STYLE = (BROWSER / "pages.css").read_text("utf-8")
SHELL = (BROWSER / "shell.html").read_text("utf-8")
ROWS_SHOWN = 25
KINDS = {"pi": ("payment_intent", intents), "seti": ("setup_intent", setup_intents)}


def shell(title: str, body: str) -> str:
    """Return a whole page; the title is plain text, the body HTML."""
    return SHELL.replace("{{title}}", html.escape(title)).replace("{{body}}", body)


def money(amount: int, currency: str) -> str:
    """Return an amount in minor units for people to read, with two decimals."""
    return f"{amount / 100:,.2f} {currency.upper()}"


def challenged(ctx: Context, id: str, secret: str) -> Obj:
    """Return the intent a 3-D Secure page is about.

    :raises ApiError: 404 for an unknown one; 400 for a wrong client secret.
    """
    kind, _ = KINDS.get(id.partition("_")[0], ("payment_intent", intents))
    intent = ctx.find(kind, id)
    confirmation.check_secret(ctx, intent, {"client_secret": secret})
    return intent


def challenge(intent: Obj, query: str) -> str:
    """Return the bank's page, with its two buttons."""
    if intent["status"] != "requires_action":
        text = f"There is nothing to confirm: this payment is <b>{html.escape(intent['status'])}</b>."
        return shell("3-D Secure", f"<section class=card><h1>3-D Secure</h1><p>{text}</p></section>")
    what = money(intent["amount"], intent["currency"]) if "amount" in intent else "saving this card"
    action = html.escape(f"/hooks/3ds/{intent['id']}?{query}")
    return shell(
        "3-D Secure test page",
        f"<section class=card><h1>3-D Secure test page</h1><p>Your test bank asks you to confirm "
        f"<b>{what}</b>.</p>"
        f'<form method=post action="{action}"><button class=primary name=outcome '
        f"value=complete>Complete</button>"
        "<button name=outcome value=fail>Fail</button></form><p class=small>Test mode: no bank "
        "is involved, and no "
        "money moves.</p></section>",
    )


def finish_challenge(ctx: Context, intent: Obj, outcome: str, query: str) -> str | None:
    """Pass or fail 3-D Secure; return where the browser goes next, None when nobody said."""
    kind, verbs = KINDS[intent["id"].partition("_")[0]]
    back = intent["_return_url"] or dict(parse_qsl(query)).get("return_url")
    if intent["status"] == "requires_action":
        edited = ctx.store.edit(intent["id"])
        try:
            verbs.finish_challenge(ctx, edited, passed=outcome == "complete")
        except errors.ApiError as error:
            if not error.commits:
                raise
        intent = edited
    failed = intent["status"] not in ("succeeded", "processing", "requires_capture")
    status = "failed" if failed else "succeeded"
    return _with_result(back, kind, intent, status) if back else None


def _with_result(url: str, kind: str, intent: Obj, status: str) -> str | None:
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https"):
        return None
    result = {kind: intent["id"], f"{kind}_client_secret": intent["client_secret"], "redirect_status": status}
    return urlunsplit(parts._replace(query=urlencode([*parse_qsl(parts.query), *result.items()])))


def overview(store: Store) -> str:
    """Return the page that lists payments, refunds and deliveries."""
    with store.lock:
        sums = control.totals(store)
        facts = "".join(
            f"<li><b>{money(row['captured'], currency)}</b> captured, "
            f"{money(row['refunded'], currency)} refunded, "
            f"{money(row['disputed'], currency)} disputed</li>"
            for currency, row in sums.items()
        )
        tables = "".join(_table(store, *spec) for spec in TABLES)
    return shell("devstripe", f"<h1>devstripe</h1><ul>{facts or '<li>No payments yet.</li>'}</ul>{tables}")


def _when(seconds: float) -> str:
    return time.strftime("%d %b %H:%M:%S", time.gmtime(seconds))


def _payment(obj: Obj) -> list[Any]:
    order = ", ".join(f"{key}={value}" for key, value in obj["metadata"].items())
    return [_when(obj["created"]), obj["id"], money(obj["amount"], obj["currency"]), obj["status"], order]


def _refund(obj: Obj) -> list[Any]:
    return [
        _when(obj["created"]),
        obj["id"],
        money(obj["amount"], obj["currency"]),
        obj["status"],
        obj["charge"],
    ]


def _delivery(obj: Obj) -> list[Any]:
    last = obj["attempts"][-1] if obj["attempts"] else {}
    outcome = last.get("status") or last.get("error") or "not tried yet"
    return [_when(obj["due"]), obj["type"], obj["status"], len(obj["attempts"]), outcome]


TABLES = (
    ("Payments", "payment_intent", ("Time (UTC)", "Payment", "Amount", "Status", "Metadata"), _payment),
    ("Refunds", "refund", ("Time (UTC)", "Refund", "Amount", "Status", "Charge"), _refund),
    ("Webhook deliveries", "_delivery", ("Due (UTC)", "Event", "Status", "Tries", "Last answer"), _delivery),
)


def _table(store: Store, title: str, kind: str, heads: tuple[str, ...], cells: Any) -> str:
    rows = [obj for _, obj in zip(range(ROWS_SHOWN), store.newest(kind), strict=False)]
    head = "".join(f"<th scope=col>{name}</th>" for name in heads)
    body = "".join(
        "<tr>" + "".join(f"<td>{html.escape(str(cell))}</td>" for cell in cells(obj)) + "</tr>"
        for obj in rows
    )
    if not rows:
        return f"<h2>{title}</h2><p class=small>None.</p>"
    return f"<h2>{title}</h2><div class=wide><table><tr>{head}</tr>{body}</table></div>"


def notice(store: Store, path: str) -> str | None:
    """Return the page behind a receipt's or a Checkout Session's address; None when there is none."""
    with store.lock:
        obj = store.get(path.rsplit("/", 1)[-1])
    if obj is None or obj["object"] not in ("payment_intent", "checkout.session"):
        return None
    amount = obj.get("amount", obj.get("amount_total")) or 0
    paid = money(amount, obj["currency"]) if obj["currency"] else "nothing"
    text = (
        f"<b>{html.escape(paid)}</b> &middot; {html.escape(obj['status'])} &middot; {html.escape(obj['id'])}"
    )
    return shell("Test receipt", f"<section class=card><h1>Test receipt</h1><p>{text}</p></section>")
