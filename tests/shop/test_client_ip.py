"""Who is asking: behind our own proxies, and in front of forged headers."""

from typing import Any

import pytest
from django.test import RequestFactory

from shop.api import client_ip, client_network

NEAR = "203.0.113.9"


def _ip(said: str | None, near: str = NEAR) -> str | None:
    headers = {} if said is None else {"X-Forwarded-For": said}
    return client_ip(RequestFactory().get("/", headers=headers, REMOTE_ADDR=near))


@pytest.mark.parametrize(
    ("proxies", "said", "found"),
    [
        (0, None, NEAR),
        (0, "198.51.100.1", NEAR),
        (1, "198.51.100.1", "198.51.100.1"),
        (1, "6.6.6.6, 198.51.100.1", "198.51.100.1"),
        (2, "6.6.6.6, 198.51.100.1, 10.0.0.1", "198.51.100.1"),
        (2, "198.51.100.1", NEAR),
        (1, "198.51.100.1:4711", "198.51.100.1"),
        (1, "[2001:db8::1]:4711", "2001:db8::1"),
        (1, "2001:DB8:0:0::1", "2001:db8::1"),
        (1, "::ffff:198.51.100.1", "198.51.100.1"),
        (1, "fe80::1%eth0", NEAR),
        (1, "'; DROP TABLE orders_consent; --", NEAR),
        (1, "unknown", NEAR),
        (1, "", NEAR),
        (1, "198.51.100.1,", NEAR),
        (1, "999.1.1.1", NEAR),
        (1, "1" * 5000, NEAR),
        (-1, "198.51.100.1", NEAR),
    ],
)
def test_the_address_is_read_behind_our_own_proxies_only(
    settings: Any, proxies: int, said: str | None, found: str
) -> None:
    settings.TRUSTED_PROXY_COUNT = proxies

    assert _ip(said) == found


def test_no_address_is_none_and_never_text(settings: Any) -> None:
    settings.TRUSTED_PROXY_COUNT = 1

    assert _ip("garbage", near="") is None
    assert client_network(None) == "unknown"


def test_one_line_counts_as_one_visitor() -> None:
    assert client_network("198.51.100.1") == "198.51.100.1"
    assert client_network("2001:db8::1") == client_network("2001:db8::ffff") == "2001:db8::/64"
    assert client_network("2001:db8:0:1::1") != client_network("2001:db8::1")
