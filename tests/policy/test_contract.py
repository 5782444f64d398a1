"""Schemathesis against the whole OpenAPI document: what we answer is what the document promises.

`FUZZ_EXAMPLES` says how many requests each operation gets: few here, many in `make fuzz-api`.
"""

import os
from collections.abc import Iterator
from typing import Any

import pytest
import schemathesis
from django.core.signals import request_finished, request_started
from django.core.wsgi import get_wsgi_application
from django.db import close_old_connections
from drf_spectacular.generators import SchemaGenerator
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis.errors import Unsatisfiable
from schemathesis import GenerationMode
from schemathesis.checks import CHECKS

from tests.policy import world as made
from tests.policy.world import CSRF, World, undone

EXAMPLES = int(os.environ.get("FUZZ_EXAMPLES", "2"))
# Ids that only chance would hit: filled in, so that requests get past the door.
REAL = {
    "cart_id": lambda world: world.carts["owner"],
    "line_id": lambda world: made.line(world).pk,
    "address_id": lambda world: made.address(world).pk,
    "card_id": lambda world: made.card(world).stripe_payment_method_id,
    "code": lambda world: made.paid(world).invoices.get().code,
}
REFERENCES = {
    "/orders/": lambda world: made.paid(world).reference,
    "/subscriptions/": lambda world: made.subscription(world).reference,
    "/refills/": lambda world: made.refill(world).reference,
}
SLUGS = {"/products/": "flakes", "/articles/": "a-quiet-soak"}
# A body can fit the document and still name a SKU that is not sold: a 400 with a code of its own. And each
# request is taken back, so that nothing is ever found again, or gone.
LEFT_OUT = {"positive_data_acceptance", "use_after_free", "ensure_resource_availability", "max_response_time"}
ALL_CHECKS = tuple(check for check in CHECKS.get_all() if check.__name__ not in LEFT_OUT)


def operations() -> list[tuple[str, str]]:
    document = SchemaGenerator().get_schema(request=None, public=True)
    return [(path, method.upper()) for path, rows in document["paths"].items() for method in rows]


pytestmark = [
    pytest.mark.django_db,
    pytest.mark.filterwarnings("ignore:.*received a naive datetime"),
]


@pytest.fixture(scope="module")
def api(world: World) -> Iterator[Any]:
    """The document. A request would close the connection that holds the world's transaction."""
    for signal in (request_started, request_finished):
        signal.disconnect(close_old_connections)
    yield schemathesis.openapi.from_dict(SchemaGenerator().get_schema(request=None, public=True))
    for signal in (request_started, request_finished):
        signal.connect(close_old_connections)


@pytest.mark.parametrize("mode", list(GenerationMode), ids=str)
@pytest.mark.parametrize(("path", "method"), operations())
def test_the_document_is_kept(world: World, api: Any, path: str, method: str, mode: GenerationMode) -> None:
    try:
        cases = api[path][method].as_strategy(generation_mode=mode)
        _try_out(world, cases)
    except Unsatisfiable:
        assert mode is GenerationMode.NEGATIVE, "nothing can be sent that fits the document"


def _try_out(world: World, cases: Any) -> None:
    @settings(
        max_examples=EXAMPLES,
        deadline=None,
        derandomize=True,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(case=cases)
    def each(case: Any) -> None:
        with undone():
            _send(world, case)

    each()


def _send(world: World, case: Any) -> None:
    """Send one request as the owner, and look at the answer in every way that there is."""
    _fill_in(world, case)
    headers = {"X-CSRFToken": CSRF, "Origin": "http://testserver"}
    cookies = {"sessionid": world.cookies["owner"], "csrftoken": CSRF}
    if case.path_parameters.get("client") == "app":
        cookies, headers = {}, {"X-Session-Token": world.tokens["owner"]}
    app = get_wsgi_application()
    answer = case.call(app=app, headers=headers, cookies=cookies)
    case.validate_response(answer, checks=ALL_CHECKS, headers=headers)


def _fill_in(world: World, case: Any) -> None:
    for name in list(case.path_parameters or {}):
        if name in REAL:
            case.path_parameters[name] = REAL[name](world)
        for part, find in REFERENCES.items():
            if name == "reference" and part in case.path:
                case.path_parameters[name] = find(world)
        for part, slug in SLUGS.items():
            if name == "slug" and part in case.path:
                case.path_parameters[name] = slug
