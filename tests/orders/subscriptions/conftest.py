"""People with refills, and a beat that turns when a test says so."""

from datetime import datetime

import pytest

from tests.orders.subscriptions.routine import Routine
from tests.stripe_side import StripeSide


@pytest.fixture
def routine(regions: None, at: datetime) -> Routine:
    """A customer who put things on refill at `at`; Stripe is not asked."""
    return Routine(at)


@pytest.fixture
def charged(regions: None, stripe_side: StripeSide, at: datetime) -> Routine:
    """A customer whose card Stripe's double knows, so that refills are really charged."""
    return Routine(at, stripe_side)
