"""Sample mails of cancellations, withdrawals and returns, like those of `samples`: never saved."""

from collections.abc import Callable

from orders.emails import returns
from orders.emails.samples import AT, NO_ROW, order, with_rows
from orders.models import Payment, Return, ReturnFinding, ReturnLine, StripeRefund, Withdrawal
from shop.mail.outbox import Letter


def _refund(amount: int) -> StripeRefund:
    given = order()
    payment = Payment(pk=NO_ROW, order=given, currency="GBP", amount=given.total)
    return StripeRefund(pk=NO_ROW, payment=payment, amount=amount, currency="GBP", requested_at=AT)


def _withdrawal() -> Withdrawal:
    return Withdrawal(
        pk=NO_ROW, reference="W-7QX2M9KA", source="page", name="Ada Byron", email="ada@buyer.example",
        order_given="K7MPW2X9QA", statement="I withdraw from my contract for this order.\nAda Byron",
        received_at=AT,
    )  # fmt: skip


def _return(**fields: object) -> Return:
    given = order()
    row = Return(
        pk=NO_ROW, reference="RMA-7QX2M9KA", order=given, reason="does not like it", opened_at=AT, **fields
    )
    flakes, oil = given.lines.all()
    lines = [
        ReturnLine(goods_return=row, order_line=flakes, quantity=2),
        ReturnLine(goods_return=row, order_line=oil, quantity=1),
    ]
    found = [
        ReturnFinding(goods_return=row, component=flakes.components.all()[0], outcome="sealed", quantity=2),
        ReturnFinding(goods_return=row, component=oil.components.all()[0], outcome="opened", quantity=1),
    ]
    return with_rows(row, lines=lines, findings=found)


SAMPLES: dict[str, Callable[[], Letter]] = {
    "order_cancelled": lambda: returns.order_cancelled(order(), _refund(4035), refills_ended=True),
    "return_expected": lambda: returns.return_expected(_return()),
    "return_received": lambda: returns.return_received(_return(refund=_refund(2390))),
    "withdrawal_receipt": lambda: returns.withdrawal_receipt(_withdrawal()),
}
