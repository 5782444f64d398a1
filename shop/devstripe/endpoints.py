"""Webhook endpoints, and the events that were recorded."""

from __future__ import annotations

import secrets
from fnmatch import fnmatchcase
from typing import Any
from urllib.parse import urlsplit

from . import errors, listing, parameters
from .context import Context, merge_metadata, new_id, public
from .store import Obj

CONFIGURED = "we_devstripe_configured"
LIMIT = 16


def new(ctx: Context, id: str, url: str, secret: str, events: list[str]) -> Obj:
    """Keep an endpoint; its secret signs what is delivered there."""
    return ctx.store.add(
        {
            "id": id,
            "object": "webhook_endpoint",
            "api_version": None,
            "application": None,
            "created": ctx.now,
            "description": None,
            "enabled_events": events,
            "livemode": False,
            "metadata": {},
            "status": "enabled",
            "url": url,
            "_secret": secret,
        }
    )


def configure(ctx: Context, url: str | None, secret: str | None) -> None:
    """Set the endpoint given at the start or through the control surface; what is not given stays."""
    known = ctx.store.get(CONFIGURED)
    if known is None:
        if url:
            new(ctx, CONFIGURED, url, secret or _secret(), ["*"])
        return
    endpoint = ctx.store.edit(CONFIGURED)
    endpoint["url"] = url or endpoint["url"]
    endpoint["_secret"] = secret or endpoint["_secret"]


def _secret() -> str:
    return f"whsec_{secrets.token_hex(16)}"


def create(ctx: Context, params: dict[str, Any]) -> Obj:
    """POST /v1/webhook_endpoints; the secret is shown this once."""
    _check_url(params["url"])
    if sum(1 for _ in ctx.store.newest("webhook_endpoint")) >= LIMIT:
        raise errors.refused(f"You have reached the maximum of {LIMIT} test webhook endpoints.")
    endpoint = new(ctx, new_id("we"), params["url"], _secret(), params["enabled_events"])
    endpoint["api_version"] = params.get("api_version")
    endpoint["description"] = params.get("description") or None
    merge_metadata(endpoint, params.get("metadata"))
    return {**public(endpoint), "secret": endpoint["_secret"]}


def _check_url(url: str) -> None:
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise errors.bad_parameter("url", "Invalid URL: An explicit scheme (such as https) must be provided.")


def retrieve(ctx: Context, params: dict[str, Any], id: str) -> Obj:
    """GET /v1/webhook_endpoints/:id."""
    return public(ctx.find("webhook_endpoint", id))


def update(ctx: Context, params: dict[str, Any], id: str) -> Obj:
    """POST /v1/webhook_endpoints/:id."""
    ctx.find("webhook_endpoint", id)
    endpoint = ctx.store.edit(id)
    if "url" in params:
        _check_url(params["url"])
        endpoint["url"] = params["url"]
    if "enabled_events" in params:
        endpoint["enabled_events"] = params["enabled_events"]
    if "disabled" in params:
        endpoint["status"] = "disabled" if params["disabled"] else "enabled"
    endpoint["description"] = params.get("description", endpoint["description"]) or None
    merge_metadata(endpoint, params.get("metadata"))
    return public(endpoint)


def delete(ctx: Context, params: dict[str, Any], id: str) -> Obj:
    """DELETE /v1/webhook_endpoints/:id; what was due there is dropped."""
    ctx.find("webhook_endpoint", id)
    ctx.store.remove(id)
    return {"id": id, "object": "webhook_endpoint", "deleted": True}


def listed(ctx: Context, params: dict[str, Any]) -> Obj:
    """GET /v1/webhook_endpoints."""
    return listing.page(ctx, "webhook_endpoint", params, url="/v1/webhook_endpoints")


def retrieve_event(ctx: Context, params: dict[str, Any], id: str) -> Obj:
    """GET /v1/events/:id."""
    return public(ctx.find("event", id))


def listed_events(ctx: Context, params: dict[str, Any]) -> Obj:
    """GET /v1/events, by type (`charge.*` too), types or creation."""
    types = params.get("types", [params["type"]] if "type" in params else ["*"])
    for type in types:
        if "*" not in type and type not in parameters.EVENT_TYPES:
            raise errors.bad_parameter("type", f"Invalid event type: {type}")
    return listing.page(
        ctx,
        "event",
        params,
        url="/v1/events",
        where=lambda event: any(fnmatchcase(event["type"], type) for type in types),
    )
