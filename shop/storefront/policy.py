"""Content Security Policy: strict by default (see settings), wider only where a page needs it.

The payment page may talk to wherever Stripe is said to be. The admin theme evaluates expressions and writes
inline styles, and the API's documentation starts itself with an inline script.
Source: https://docs.stripe.com/security/guide#content-security-policy
"""

from collections.abc import Callable
from functools import wraps
from typing import Any
from urllib.parse import urlsplit

from csp.constants import SELF, UNSAFE_EVAL, UNSAFE_INLINE
from csp.decorators import csp_replace, csp_update
from csp.middleware import CSPMiddleware, PolicyParts
from django.conf import settings
from django.http import HttpRequest, HttpResponseBase

View = Callable[..., HttpResponseBase]

# A bank's 3-D Secure page opens in a frame of this origin.
STRIPE_HOOKS = "https://hooks.stripe.com"

_ADMIN = {
    "script-src": [SELF, UNSAFE_INLINE, UNSAFE_EVAL],
    "style-src": [SELF, UNSAFE_INLINE],
    "img-src": [SELF, "data:", "blob:"],
}
_API_DOCS = {"script-src": [SELF, UNSAFE_INLINE], "style-src": [SELF, UNSAFE_INLINE]}
WIDER = {"/admin/": _ADMIN, "/api/v1/docs": _API_DOCS}

# Mails carry their styles inline, as mail programs want it; the frame that shows one inherits this policy.
shows_mails = csp_replace({"style-src": [SELF, UNSAFE_INLINE], "frame-src": [SELF]})


class ContentPolicy(CSPMiddleware):
    """The policy of the settings, wider under the paths of WIDER."""

    def get_policy_parts(
        self, request: HttpRequest, response: HttpResponseBase, report_only: bool = False
    ) -> PolicyParts:
        """Return what the header of this response is built from."""
        parts = super().get_policy_parts(request, response, report_only)
        wider = next((more for path, more in WIDER.items() if request.path_info.startswith(path)), None)
        if wider is not None:
            parts.replace = {**(parts.replace or {}), **wider}
        return parts


def origin_of(url: str) -> str:
    """Return the scheme, host and port of an address."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"


def may_load_stripe(view: View) -> View:
    """Let a page load Stripe's script, and that script reach its own servers."""

    @wraps(view)
    def wrapped(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        script, api = origin_of(settings.STRIPE_JS_URL), origin_of(settings.STRIPE_API_BASE)
        reached = list(dict.fromkeys([script, api]))
        wider = csp_update({"script-src": [script], "connect-src": reached})(view)
        return csp_replace({"frame-src": [*reached, STRIPE_HOOKS]})(wider)(request, *args, **kwargs)

    return wrapped
