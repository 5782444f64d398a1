"""The sample catalogue, loaded once a file: tests read it, and what they write is rolled back."""

import pytest
from django.db import transaction

from catalog import sample_data
from shop.clock import reading


@pytest.fixture(scope="module")
def sample_catalogue(django_db_setup, django_db_blocker):
    with django_db_blocker.unblock(), transaction.atomic():
        sample_data.load(at=reading.now())
        yield
        transaction.set_rollback(True)


@pytest.fixture
def loaded(sample_catalogue, db):
    """The sample catalogue as of now, inside the test's own transaction."""
