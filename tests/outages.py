"""Stripe's bad days: answers that are lost, on the way there or on the way back."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from unittest import mock

from orders import stripe_gateway

NOBODY_LISTENS = "http://127.0.0.1:9"


@contextmanager
def answer_lost(verb: str, *, arrives: bool = True) -> Iterator[None]:
    """While open, a verb of the gateway gets no answer; `arrives` says whether Stripe got the question."""
    real = getattr(stripe_gateway, verb)

    def cut(*args: Any, **kwargs: Any) -> Any:
        if arrives:
            real(*args, **kwargs)
        raise stripe_gateway.OutcomeUnknown("cut")

    with mock.patch.object(stripe_gateway, verb, cut):
        yield
