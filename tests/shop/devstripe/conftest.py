"""Fixtures: a server, the SDK's client for it, a webhook endpoint."""

from collections.abc import Iterator
from typing import Any

import pytest

from shop.devstripe.server import Server
from tests.shop.devstripe.harness import Hook, client_of, serving


@pytest.fixture
def server() -> Iterator[Server]:
    with serving() as running:
        yield running


@pytest.fixture
def v1(server: Server) -> Any:
    return client_of(server)


@pytest.fixture
def hook() -> Iterator[Hook]:
    endpoint = Hook()
    yield endpoint
    endpoint.http.shutdown()
    endpoint.http.server_close()
