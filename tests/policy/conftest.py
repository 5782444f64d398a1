"""The world that the policy is tried in: made once a module."""

from collections.abc import Iterator
from typing import Any

import pytest
from django.db import transaction

from tests.policy.world import World, build
from tests.stripe_side import StripeSide


@pytest.fixture(scope="module")
def world(django_db_setup: None, django_db_blocker: Any, stripe_url: str) -> Iterator[World]:
    """One world for the whole table, in a transaction that never commits."""
    with django_db_blocker.unblock(), pytest.MonkeyPatch.context() as patch:
        patch.setattr("django.conf.settings.STRIPE_API_BASE", stripe_url)
        outer = transaction.atomic()
        outer._from_testcase = True  # type: ignore[attr-defined] # as TestCase does: inner ones may be durable
        with outer:
            yield build(StripeSide(stripe_url))
            transaction.set_rollback(True)
