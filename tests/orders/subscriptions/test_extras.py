"""One-off items: added to the next refill, charged once, gone after."""

import pytest

from catalog import inventory
from orders.models import Consent, Refill, RefillExtra
from orders.subscriptions import changes, extras, holding
from shop.exceptions import InvalidInput, NotFound
from tests.factories.catalog import make_oil, make_variant
from tests.orders.subscriptions.routine import Routine, cycle_of, days, mails
from tests.stripe_side import StripeSide

pytestmark = pytest.mark.django_db


def test_an_item_added_once_is_charged_once_and_gone_after(charged: Routine, stripe_side: StripeSide) -> None:
    (subscription,) = charged.begin((make_variant(stock=20), 1, "week", 4))
    oil, due_at = make_oil(), cycle_of(subscription).due_at
    charged.turn(due_at - days(5))

    extras.add(subscription, sku=oil.sku, quantity=2, at=due_at - days(4), ip_address="192.0.2.7")
    for day in (-4, 0, 1, 23, 28, 29):
        charged.turn(due_at + days(day))

    first, second = Refill.objects.filter(status="paid").order_by("pk")
    assert first.order is not None
    assert second.order is not None
    assert (first.order.total, second.order.total) == (1125 + 2 * 1250, 1125 + 395)
    assert [len(stripe_side.charges_of(row.order.reference)) for row in (first, second) if row.order] == [
        1,
        1,
    ]
    assert RefillExtra.objects.get().status == "charged"
    assert [mail.occasion for mail in mails("refill_upcoming")][:2] == ["notice-1", "notice-2"]
    consent = Consent.objects.get(kind="change")
    assert (consent.ip_address, consent.subscription) == ("192.0.2.7", subscription)
    assert oil.product.name in consent.text


def test_with_no_refill_planned_it_waits_for_the_next(routine: Routine) -> None:
    (subscription,) = routine.begin((make_variant(), 1, "week", 4))
    oil = make_oil()

    extras.add(subscription, sku=oil.sku, quantity=1, at=routine.at + days(1))
    refill = routine.remind(cycle_of(subscription).due_at - days(5))

    assert [item.variant for item in refill.items.order_by("pk")] == [subscription.variant, oil]
    assert refill.quoted_total == 1125 + 1250 + 595
    assert len(mails("refill_upcoming")) == 1


def test_a_skipped_parcel_hands_it_on_and_a_removed_one_is_quoted_without(routine: Routine) -> None:
    (subscription,) = routine.begin((make_variant(), 1, "week", 4))
    due_at = cycle_of(subscription).due_at
    extras.add(subscription, sku=make_oil().sku, quantity=1, at=routine.at)
    routine.remind(due_at - days(5))

    changes.skip(subscription, at=due_at - days(4))
    extra = RefillExtra.objects.get()
    assert (extra.status, extra.refill) == ("waiting", None)
    refill = routine.remind(cycle_of(subscription).due_at - days(5))
    assert refill.items.count() == 2
    extras.remove(subscription, reference=extra.reference, at=due_at + days(24))

    refill.refresh_from_db()
    assert (refill.quoted_total, refill.items.count()) == (1125 + 395, 1)
    assert len(mails("refill_upcoming")) == 2, "it fell: nobody has to be told"
    with pytest.raises(NotFound):
        extras.remove(subscription, reference=extra.reference, at=due_at + days(24))


def test_the_same_product_adds_up_and_too_much_of_it_is_refused(routine: Routine) -> None:
    (subscription,) = routine.begin((make_variant(), 1, "week", 4))
    oil = make_oil(stock=3)

    for _ in range(2):
        extras.add(subscription, sku=oil.sku, quantity=1, at=routine.at)
    with pytest.raises(inventory.OutOfStock) as refusal:
        extras.add(subscription, sku=oil.sku, quantity=2, at=routine.at)
    with pytest.raises(InvalidInput):
        extras.add(subscription, sku=oil.sku, quantity=0, at=routine.at)

    assert refusal.value.extra == {"sku": oil.sku, "available": 3}
    assert RefillExtra.objects.get().quantity == 2


def test_after_the_claim_it_is_too_late_and_with_a_cancellation_it_is_gone(routine: Routine) -> None:
    (subscription,) = routine.begin((make_variant(), 1, "week", 4))
    oil, due_at = make_oil(), cycle_of(subscription).due_at
    extras.add(subscription, sku=oil.sku, quantity=1, at=routine.at)
    routine.remind(due_at - days(5))
    Refill.objects.update(status="claimed", claimed_at=due_at)

    with pytest.raises(holding.AppliesFromNextRefill):
        extras.add(subscription, sku=oil.sku, quantity=1, at=due_at)
    Refill.objects.update(status="planned")
    changes.cancel(subscription, reason="", at=due_at)

    extra = RefillExtra.objects.get()
    assert (extra.status, extra.quantity, extra.refill) == ("removed", 1, None)


def test_what_ran_out_meanwhile_does_not_hold_the_parcel_up(routine: Routine) -> None:
    (subscription,) = routine.begin((make_variant(), 1, "week", 4))
    oil = make_oil(stock=1)
    extras.add(subscription, sku=oil.sku, quantity=1, at=routine.at)
    inventory.reserve(
        reference="order:other", quantities={oil.pk: 1}, until=routine.at + days(99), at=routine.at
    )

    refill = routine.remind(cycle_of(subscription).due_at - days(5))

    assert refill.items.count() == 1
    assert RefillExtra.objects.get().status == "waiting"
