"""The account operations in the shop's OpenAPI document, from the same table that serves them."""

from typing import Any

from shop.accounts.api.operations import OPERATIONS, Call
from shop.accounts.api.tokens import SessionTokenScheme
from shop.api.errors import problem
from shop.api.schema import MEANINGS, PLUMBING, PROBLEM, described

_CODES = {
    400: ("invalid", "unknown_field", "malformed"),
    401: ("not_authenticated", "verify_email", "mfa_authenticate", "reauthentication_required"),
    403: ("forbidden", "csrf_failed"),
    409: ("conflict",),
    410: ("session_over",),
}
TAG = "auth"
CLIENT = {
    "in": "path",
    "name": "client",
    "required": True,
    "schema": {"type": "string", "enum": ["browser", "app"]},
    "description": "`browser`: session cookie and `X-CSRFToken`. `app`: `X-Session-Token`, which the answers "
    "give as `meta.session_token`.",
}


def _thing(**properties: Any) -> dict[str, Any]:
    """An object whose properties are all there."""
    return {"type": "object", "properties": properties, "required": list(properties)}


_STATUS = {"type": "integer"}
_TEXT = {"type": "string"}
_MOMENT = {"type": "number", "description": "Seconds since 1970."}
_META = {
    "type": "object",
    "properties": {"is_authenticated": {"type": "boolean"}, "session_token": _TEXT},
}
_USER = {
    "type": "object",
    "properties": {
        "id": {"type": "integer"},
        "display": _TEXT,
        "email": _TEXT,
        "has_usable_password": {"type": "boolean"},
    },
    "required": ["id", "display", "has_usable_password"],
}
_FLOWS = {
    "type": "array",
    "items": {
        "type": "object",
        "properties": {"id": _TEXT, "is_pending": {"type": "boolean"}},
        "required": ["id"],
    },
}
_AUTHENTICATOR = {
    "type": "object",
    "properties": {
        "type": {"type": "string", "enum": ["totp", "recovery_codes"]},
        "created_at": _MOMENT,
        "last_used_at": {"type": ["number", "null"]},
        "total_code_count": {"type": "integer"},
        "unused_code_count": {"type": "integer"},
        "unused_codes": {"type": "array", "items": _TEXT},
    },
    "required": ["type", "created_at", "last_used_at"],
}
ANSWERS: dict[str, dict[str, Any]] = {
    "Authentication": _thing(
        status=_STATUS,
        data=_thing(user=_USER, methods={"type": "array", "items": {"type": "object"}}),
        meta=_META,
    ),
    "Pending": _thing(status=_STATUS, data=_thing(flows=_FLOWS), meta=_META),
    "Status": _thing(status=_STATUS),
    "EmailAddresses": _thing(
        status=_STATUS,
        data={
            "type": "array",
            "items": _thing(email=_TEXT, verified={"type": "boolean"}, primary={"type": "boolean"}),
        },
    ),
    "Sessions": _thing(
        status=_STATUS,
        data={
            "type": "array",
            "items": _thing(
                id={"type": "integer"},
                ip=_TEXT,
                user_agent=_TEXT,
                created_at=_MOMENT,
                is_current={"type": "boolean"},
            ),
        },
    ),
    "Authenticators": _thing(status=_STATUS, data={"type": "array", "items": _AUTHENTICATOR}),
    "Authenticator": _thing(status=_STATUS, data=_AUTHENTICATOR),
    "RecoveryCodes": _thing(status=_STATUS, data=_AUTHENTICATOR),
}


def add_operations(result: dict[str, Any], generator: Any, request: Any, public: bool) -> dict[str, Any]:
    """Add `auth/{client}/…` to the document (a hook of drf-spectacular)."""
    parts = result.setdefault("components", {})
    parts.setdefault("securitySchemes", {})[SessionTokenScheme.name] = SessionTokenScheme(
        "SessionToken"
    ).get_security_definition(None)
    schemas = parts.setdefault("schemas", {})
    schemas.update({f"Auth{name}": shape for name, shape in ANSWERS.items()})
    for operation in OPERATIONS:
        path = f"/api/v1/auth/{{client}}/{operation.path}"
        result["paths"][path] = {method.lower(): _described(call) for method, call in operation.calls.items()}
    result["paths"] = dict(sorted(result["paths"].items()))
    return result


def _described(call: Call) -> dict[str, Any]:
    known: list[dict[str, list[str]]] = [{"cookieAuth": []}, {"SessionToken": []}]
    found: dict[str, Any] = {
        "operationId": call.id,
        "summary": call.summary,
        "tags": [TAG],
        "parameters": [CLIENT],
        "security": [{}, *known] if call.is_open else known,
        "responses": _responses(call),
    }
    if call.description:
        found["description"] = call.description
    if call.body:
        shape = {**_thing(**{name: dict(part) for name, part in call.body.items()})}
        shape["additionalProperties"] = False
        found["requestBody"] = {"required": True, "content": {"application/json": {"schema": shape}}}
    return found


def _responses(call: Call) -> dict[str, Any]:
    statuses = {str(call.done.get(200, 200)), *(str(ours) for ours in call.done.values())}
    if call.answer in {"Nothing", "Pending"}:
        statuses.discard("200")
    found: dict[str, Any] = {}
    for status in sorted(statuses):
        found[status] = {"description": "Done"}
        if status != "204":
            shape = {"$ref": f"#/components/schemas/Auth{call.answer}"}
            found[status]["content"] = {"application/json": {"schema": shape}}
    known = [400, 401, 403, 404, 409, 410, 429, 503, *([413, 415] if call.body else [])]
    return {**found, **{str(status): _refusal(status) for status in sorted(known)}}


def _refusal(status: int) -> dict[str, Any]:
    codes = _CODES.get(status) or PLUMBING[status]
    examples = {code: {"value": problem(status, code, MEANINGS[status])} for code in codes}
    shape = {"schema": {"$ref": "#/components/schemas/Problem"}, "examples": examples}
    return {"description": described(status, codes), "content": {PROBLEM: shape}}
