"""Payments, refunds, saved cards and disputes through Stripe's own SDK."""

from typing import Any

import pytest
import stripe

from shop.devstripe.server import Server
from tests.shop.devstripe.harness import call, wait_for

NO_REDIRECTS = {"enabled": True, "allow_redirects": "never"}


def pay(v1: Any, method: str = "pm_card_visa", amount: int = 2000, **more: Any) -> Any:
    return v1.payment_intents.create(
        {"amount": amount, "currency": "gbp", "payment_method": method, "confirm": True, **more}
    )


def types(v1: Any, about: str) -> list[str]:
    events = v1.events.list({"limit": 100}).data
    return [event.type for event in reversed(events) if event.data.object.id == about]


def test_a_payment_is_created_unconfirmed_and_confirmed_later(v1: Any) -> None:
    created = v1.payment_intents.create({"amount": 2000, "currency": "gbp", "metadata": {"order_id": "A1"}})

    paid = v1.payment_intents.confirm(created.id, {"payment_method": "pm_card_visa"})

    assert (created.status, paid.status, paid.amount_received) == (
        "requires_payment_method",
        "succeeded",
        2000,
    )
    charge = v1.charges.retrieve(paid.latest_charge, {"expand": ["balance_transaction", "customer"]})
    assert charge.metadata["order_id"] == "A1"
    assert (charge.balance_transaction.fee, charge.balance_transaction.net) == (50, 1950)
    assert types(v1, paid.id) == ["payment_intent.created", "payment_intent.succeeded"]


def test_a_decline_leaves_a_failed_charge_and_an_open_intent(v1: Any) -> None:
    with pytest.raises(stripe.CardError) as refusal:
        pay(v1, "pm_card_visa_chargeDeclinedInsufficientFunds")

    intent = v1.payment_intents.retrieve(refusal.value.error.payment_intent.id, {"expand": ["latest_charge"]})
    assert (refusal.value.code, refusal.value.error.decline_code) == ("card_declined", "insufficient_funds")
    assert (intent.status, intent.payment_method) == ("requires_payment_method", None)
    assert intent.last_payment_error.decline_code == "insufficient_funds"
    assert (intent.latest_charge.status, intent.latest_charge.amount_captured) == ("failed", 0)


@pytest.mark.parametrize(
    ("card", "code"),
    [
        ("pm_card_chargeDeclinedExpiredCard", "expired_card"),
        ("pm_card_chargeDeclinedIncorrectCvc", "incorrect_cvc"),
        ("pm_card_chargeDeclinedProcessingError", "processing_error"),
        ("pm_card_visa_chargeDeclinedStolenCard", "card_declined"),
    ],
)
def test_each_declining_card_gives_its_code(v1: Any, card: str, code: str) -> None:
    with pytest.raises(stripe.CardError) as refusal:
        pay(v1, card)

    assert refusal.value.code == code


def test_a_number_that_was_not_published_is_refused(v1: Any) -> None:
    card = {"number": "4539578763621486", "exp_month": 1, "exp_year": 2035, "cvc": "123"}

    with pytest.raises(stripe.CardError) as refusal:
        v1.payment_methods.create({"type": "card", "card": card})

    assert (refusal.value.code, refusal.value.error.decline_code) == ("card_declined", "test_mode_live_card")


def test_a_saved_card_pays_off_session_unless_its_bank_wants_authentication(v1: Any) -> None:
    customer = v1.customers.create({"email": "a@example.com"}).id
    plain, strict = (
        v1.payment_methods.attach(name, {"customer": customer}).id
        for name in ("pm_card_visa", "pm_card_authenticationRequired")
    )

    paid = pay(v1, plain, customer=customer, off_session=True, automatic_payment_methods=NO_REDIRECTS)
    with pytest.raises(stripe.CardError) as refusal:
        pay(v1, strict, customer=customer, off_session=True, automatic_payment_methods=NO_REDIRECTS)

    assert paid.status == "succeeded"
    assert (refusal.value.code, refusal.value.http_status) == ("authentication_required", 402)
    assert refusal.value.error.payment_intent.last_payment_error.payment_method.id == strict


def test_a_card_set_up_once_needs_no_authentication_later(v1: Any, server: Server) -> None:
    customer = v1.customers.create({}).id
    setup = v1.setup_intents.create(
        {
            "customer": customer,
            "payment_method": "pm_card_authenticationRequiredOnSetup",
            "confirm": True,
            "return_url": "https://shop.test/r",
        }
    )
    assert setup.status == "requires_action"
    page = setup.next_action.redirect_to_url.url
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    assert call(page, "POST", "outcome=complete", form)[0] == 303

    saved = v1.customers.payment_methods.list(customer).data[0].id
    paid = pay(v1, saved, customer=customer, off_session=True)

    assert v1.setup_intents.retrieve(setup.id).status == "succeeded"
    assert paid.status == "succeeded"


def test_a_server_must_give_return_url_where_methods_may_redirect(v1: Any) -> None:
    with pytest.raises(stripe.InvalidRequestError, match="return_url"):
        pay(v1, automatic_payment_methods={"enabled": True})

    assert v1.payment_intents.list({}).data == []


def test_a_card_that_was_not_saved_pays_once(v1: Any) -> None:
    method = v1.payment_methods.create({"type": "card", "card": {"token": "tok_visa"}}).id
    pay(v1, method)

    with pytest.raises(stripe.InvalidRequestError, match="may not be used again"):
        pay(v1, method)


def test_the_amount_is_fixed_once_paid(v1: Any) -> None:
    paid = pay(v1)

    with pytest.raises(stripe.InvalidRequestError) as refusal:
        v1.payment_intents.update(paid.id, {"amount": 3000})
    noted = v1.payment_intents.update(paid.id, {"metadata": {"note": "x"}})

    assert refusal.value.code == "payment_intent_unexpected_state"
    assert refusal.value.error.payment_intent.id == paid.id
    assert (noted.status, noted.amount, noted.metadata["note"]) == ("succeeded", 2000, "x")


def test_an_authorised_payment_is_captured_in_part(v1: Any) -> None:
    held = pay(v1, capture_method="manual")

    taken = v1.payment_intents.capture(held.id, {"amount_to_capture": 1500})

    assert (held.status, held.amount_capturable, held.amount_received) == ("requires_capture", 2000, 0)
    assert (taken.status, taken.amount_received) == ("succeeded", 1500)


def test_refunds_never_exceed_what_was_paid(v1: Any) -> None:
    paid = pay(v1)
    v1.refunds.create({"payment_intent": paid.id, "amount": 1500})

    with pytest.raises(stripe.InvalidRequestError):
        v1.refunds.create({"payment_intent": paid.id, "amount": 501})

    charge = v1.charges.retrieve(paid.latest_charge, {"expand": ["refunds"]})
    assert (charge.amount_refunded, charge.refunded) == (1500, False)
    assert [refund.amount for refund in charge.refunds.data] == [1500]


def test_a_refund_may_fail_after_it_succeeded(v1: Any) -> None:
    paid = pay(v1, "pm_card_refundFail")

    refund = v1.refunds.create({"payment_intent": paid.id})

    assert refund.status == "succeeded"
    wait_for(lambda: v1.refunds.retrieve(refund.id).status == "failed")
    assert v1.charges.retrieve(paid.latest_charge).amount_refunded == 0
    assert "refund.failed" in types(v1, refund.id)


def test_a_dispute_is_won_with_the_winning_evidence(v1: Any) -> None:
    paid = pay(v1, "pm_card_createDispute")
    dispute = v1.disputes.list({"payment_intent": paid.id}).data[0]

    v1.disputes.update(dispute.id, {"evidence": {"uncategorized_text": "winning_evidence"}, "submit": True})

    wait_for(lambda: v1.disputes.retrieve(dispute.id).status == "won")
    assert types(v1, dispute.id)[-2:] == ["charge.dispute.funds_reinstated", "charge.dispute.closed"]


def test_an_early_fraud_warning_names_its_charge(v1: Any) -> None:
    paid = pay(v1, "pm_card_createIssuerFraudRecord")

    warning = v1.radar.early_fraud_warnings.list({}).data[0]

    assert (warning.charge, warning.actionable) == (paid.latest_charge, True)


def test_a_deleted_customer_is_a_tombstone(v1: Any) -> None:
    customer = v1.customers.create({"email": "a@example.com", "payment_method": "pm_card_visa"}).id
    card = v1.customers.payment_methods.list(customer).data[0].id

    v1.customers.delete(customer)

    assert v1.customers.retrieve(customer).deleted is True
    assert v1.payment_methods.retrieve(card).customer is None
    with pytest.raises(stripe.InvalidRequestError, match="No such customer"):
        v1.payment_methods.attach("pm_card_visa", {"customer": customer})


def test_lists_page_and_filter(v1: Any) -> None:
    ids = [v1.payment_intents.create({"amount": 500 + n, "currency": "eur"}).id for n in range(5)]

    first = v1.payment_intents.list({"limit": 2})
    rest = v1.payment_intents.list({"starting_after": first.data[-1].id, "created": {"gte": 1}})

    assert [row.id for row in first.data] == ids[:2:-1]
    assert (first.has_more, [row.id for row in rest.data]) == (True, ids[2::-1])
    back = v1.payment_intents.list({"ending_before": ids[2], "limit": 10})
    assert [row.id for row in back.data] == ids[:2:-1]
    assert v1.payment_intents.list({"created": {"gt": 9_999_999_999}}).data == []
    expanded = v1.charges.list({"expand": ["data.payment_intent"]})
    assert expanded.data == []


def test_a_payment_may_process_for_a_while(v1: Any, server: Server) -> None:
    call(f"{server.url}/_test/settings", "POST", {"processing_seconds": 0.1})

    held = pay(v1)

    assert held.status == "processing"
    wait_for(lambda: v1.payment_intents.retrieve(held.id).status == "succeeded")
