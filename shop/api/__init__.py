"""The plumbing of the API, and the one answer to who is asking."""

import ipaddress

from django.conf import settings
from django.http import HttpRequest


def client_ip(request: HttpRequest) -> str | None:
    """Return the client's address, or None when there is none that a database would take.

    `TRUSTED_PROXY_COUNT` proxies of ours each add one address at the right end of X-Forwarded-For; what
    stands further left was sent by the client and proves nothing. At 0 the header is ignored, and a header
    with fewer entries did not come through our proxies.
    """
    near = _address(request.META.get("REMOTE_ADDR") or "")
    proxies = settings.TRUSTED_PROXY_COUNT
    said = (request.META.get("HTTP_X_FORWARDED_FOR") or "").split(",")
    if proxies < 1 or len(said) < proxies:
        return near
    return _address(said[-proxies]) or near


def client_network(address: str | None) -> str:
    """Return what a limit counts as one visitor: an IPv4 address, or the /64 that one IPv6 line has."""
    if address is None:
        return "unknown"
    if ":" not in address:
        return address
    return str(ipaddress.ip_network(f"{address}/64", strict=False))


def _address(text: str) -> str | None:
    """Return an address in its shortest form; some proxies write a port or brackets along."""
    text = text.strip()
    if text.startswith("["):
        text = text[1:].partition("]")[0]
    elif text.count(":") == 1:
        text = text.partition(":")[0]
    try:
        found = ipaddress.ip_address(text)
    except ValueError:
        return None
    if isinstance(found, ipaddress.IPv6Address):
        if found.scope_id is not None:
            return None
        found = found.ipv4_mapped or found
    return str(found)
