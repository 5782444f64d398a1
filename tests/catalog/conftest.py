"""The sample catalogue, inside the test's own transaction."""

import pytest

from catalog import sample_data
from shop.clock import reading


@pytest.fixture
def loaded(db: None) -> None:
    """The sample catalogue as of now."""
    sample_data.load(at=reading.now())
