"""A customer with refills, and a browser that looks after them."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import count
from typing import Any

import pytest
from django.test import Client

from orders import refill_links
from orders.models import Refill, Subscription
from orders.refill_links import Purpose
from shop.accounts.models import User
from tests.orders.subscriptions.routine import Routine

# The clock of the pages is moved here: the moment that `routine` calls now.
NOW = "shop.clock.reading.now"


@dataclass
class Visitor:
    """A browser on the pages of refills, at one door or the other."""

    base: str
    client: Client = field(default_factory=Client)

    def get(self, *path: str) -> Any:
        return self.client.get("/".join([self.base, *path]))

    def post(self, *path: str, **given: Any) -> Any:
        return self.client.post("/".join([self.base, *path]), given)

    def seen(self, *path: str) -> str:
        """Return the tag that a page's form carries."""
        return str(self.get(*path).context["form"]["seen"].value())

    def press(self, *path: str, **given: Any) -> Any:
        """Open a page and send its form, as people do."""
        return self.post(*path, seen=self.seen(*path), **given)

    def words(self) -> str:
        """Return what the overview says."""
        return self.get().content.decode()


@pytest.fixture
def routine(regions: None, at: datetime, monkeypatch: pytest.MonkeyPatch) -> Routine:
    """A customer who put things on refill at `at`; the pages' clock goes on from there, a second a look."""
    seconds = count(1)
    monkeypatch.setattr(NOW, lambda: at + timedelta(seconds=next(seconds)))
    return Routine(at)


@pytest.fixture
def ada(db: None) -> User:
    return User.objects.create_user("ada@buyer.example", "secret-words-9")


def token(subject: Subscription | Refill, purpose: Purpose = Purpose.ALL) -> str:
    return refill_links.token(purpose, subject.reference)


def by_link(subject: Subscription | Refill, purpose: Purpose = Purpose.ALL) -> Visitor:
    """Return whoever follows a link in a mail about a refill or a subscription."""
    return Visitor(f"/r/{token(subject, purpose)}")


def signed_in(user: User) -> Visitor:
    """Return whoever comes by their account."""
    visitor = Visitor("/account/refills")
    visitor.client.force_login(user)
    return visitor
