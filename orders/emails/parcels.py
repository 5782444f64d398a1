"""Mails about parcels."""

from collections.abc import Sequence
from copy import copy

from django.db.models import Prefetch, prefetch_related_objects
from django.utils.translation import gettext as _

from orders import addresses, links
from orders.models import Shipment, ShipmentLine
from shop.mail import languages
from shop.mail.outbox import Letter


@languages.spoken_by(lambda shipment: shipment.order.locale)
def shipped(shipment: Shipment) -> Letter:
    """A parcel has left: what is in it with its batch codes, where it goes and how to follow it."""
    order = shipment.order
    others = order.shipments.exclude(pk=shipment.pk).exclude(status=Shipment.Status.UNPACKED)
    rest = any(part.to_pack for line in order.lines.all() for part in line.components.all())
    context: dict[str, object] = {
        "order": order,
        "shipment": shipment,
        "is_test": order.is_test,
        "rows": contents(shipment),
        "address": addresses.lines(shipment.address, locale=order.locale),
        "is_part": rest or others.filter(replaces=None).exists(),
        "rest_follows": rest or others.filter(status=Shipment.Status.PACKED).exists(),
        "is_replacement": shipment.replaces_id is not None,
        "url": links.order_url(order),
    }
    subject = _("Your order [%(reference)s] is on its way") % {"reference": order.reference}
    return Letter(
        kind="shipped",
        subject_key=f"order:{order.reference}",
        occasion=f"shipped-{shipment.reference}",
        subject=subject,
        template="orders/mail/shipped",
        context=context,
        locale=order.locale,
    )


def contents(shipment: Shipment) -> list[dict[str, object]]:
    """Return what is in a parcel by goods and batch, as people read it."""
    found: dict[tuple[int, int | None], dict[str, object]] = {}
    read = copy(shipment)
    rows = ShipmentLine.objects.select_related("variant__product", "lot").order_by("pk")
    prefetch_related_objects([read], Prefetch("lines", rows))
    for line in read.lines.all():
        name = f"{line.variant.product.name}, {line.variant.name}"
        batch = line.lot.code if line.lot else ""
        ends_on = line.lot.best_before_on if line.lot else None
        row = found.setdefault(
            (line.variant_id, line.lot_id),
            {"name": name, "quantity": 0, "batch": batch, "best_before_on": ends_on},
        )
        row["quantity"] = int(str(row["quantity"])) + line.quantity
    return list(found.values())


@languages.spoken_by(lambda lines: lines[-1].shipment.order.locale)
def recall_notice(lines: Sequence[ShipmentLine], *, reason: str, subject_key: str, occasion: str) -> Letter:
    """Goods that a customer got are taken back: which batches, what is wrong and what to do."""
    order = lines[-1].shipment.order
    rows = [
        {
            "name": f"{line.variant.product.name}, {line.variant.name}",
            "quantity": line.quantity,
            "batch": line.lot.code if line.lot else "",
            "order": line.shipment.order.reference,
        }
        for line in lines
    ]
    context: dict[str, object] = {
        "rows": rows,
        "reason": reason,
        "is_test": order.is_test,
        "url": links.order_url(order),
        "reference": order.reference,
    }
    return Letter(
        kind="recall",
        subject_key=subject_key,
        occasion=occasion,
        subject=_("Important: please stop using a product from order [%(reference)s]")
        % {"reference": order.reference},
        template="orders/mail/recall",
        context=context,
        locale=order.locale,
    )
