"""POST back-in-stock: the same answer for every address, whatever we know of it."""

from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from catalog import back_in_stock
from catalog.api import inputs, schema
from shop.api import client_ip, client_network, limits
from shop.api.limits import Limit
from shop.api.permissions import Public
from shop.api.schema import refusals
from shop.clock import reading

SAID = "We have sent you an e-mail. Follow the link in it, and we write once when it is back."


class BackInStock(APIView):
    permission_classes = (Public,)
    authentication_classes = ()

    @extend_schema(
        operation_id="back_in_stock_create",
        summary="Ask to be told when a variant is back",
        request=inputs.BackInStockInput,
        responses={
            202: schema.BackInStockSerializer,
            **refusals({400: ("invalid", "unknown_field", "unknown_sku")}),
        },
    )
    def post(self, request: Request) -> Response:
        """Nothing is sent but a question, until the owner of the address says yes. Then one mail, once."""
        body = inputs.BackInStockInput(data=request.data)
        body.is_valid(raise_exception=True)
        email = body.validated_data["email"]
        with limits.spending(
            Limit("back_in_stock_per_ip", client_network(client_ip(request))),
            Limit("back_in_stock_per_email", email.lower()),
        ):
            back_in_stock.ask(sku=body.validated_data["sku"], email=email, at=reading.now())
        return Response({"detail": SAID}, status=202)
