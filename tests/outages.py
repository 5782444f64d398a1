"""Stripe's bad days: answers that are lost, on the way there or on the way back."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from unittest import mock

from orders import stripe_gateway

NOBODY_LISTENS = "http://127.0.0.1:9"


@contextmanager
def failure_kept(verb: str, *, arrives: bool = False) -> Iterator[None]:
    """While open, Stripe answers a verb of the gateway with a failure that it repeats for the same key for
    ever; `arrives` says whether the call did its work before it failed.
    """
    real, failed = getattr(stripe_gateway, verb), set[str]()

    def fail(*args: Any, **kwargs: Any) -> Any:
        is_repeat = kwargs["key"] in failed
        if arrives and not is_repeat:
            real(*args, **kwargs)
        if is_repeat or not failed:
            failed.add(kwargs["key"])
            raise stripe_gateway.OutcomeUnknown("500", is_stored=is_repeat)
        return real(*args, **kwargs)

    with mock.patch.object(stripe_gateway, verb, fail):
        yield


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
