"""Invoices and credit notes of an order, for its holder only."""

from django.db.models import QuerySet
from django.http import HttpResponse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework.renderers import JSONRenderer
from rest_framework.request import Request
from rest_framework.views import APIView

from orders import paper
from orders.api.orders import held_order
from orders.models import Invoice
from shop.api.downloads import PDF, PdfRenderer, pdf
from shop.api.permissions import Public
from shop.api.schema import HOLDER, refusals
from shop.exceptions import NotFound

_ANSWERS = {(200, PDF): OpenApiTypes.BINARY, **refusals({404: ("not_found",)})}


class OrderInvoiceView(APIView):
    permission_classes = (Public,)
    renderer_classes = (JSONRenderer, PdfRenderer)

    @extend_schema(
        operation_id="order_invoice",
        summary="The invoice of a paid order, as a PDF",
        auth=HOLDER,
        responses=_ANSWERS,
    )
    def get(self, request: Request, reference: str) -> HttpResponse:
        return _document(held_order(request, reference).invoices.filter(kind=Invoice.Kind.INVOICE))


class OrderDocumentView(APIView):
    permission_classes = (Public,)
    renderer_classes = (JSONRenderer, PdfRenderer)

    @extend_schema(
        operation_id="order_document",
        summary="An invoice or credit note of an order by its number, as a PDF",
        auth=HOLDER,
        responses=_ANSWERS,
    )
    def get(self, request: Request, reference: str, code: str) -> HttpResponse:
        return _document(held_order(request, reference).invoices.filter(code=code))


def _document(rows: QuerySet[Invoice]) -> HttpResponse:
    invoice = rows.select_related("order").first()
    if invoice is None:
        raise NotFound("This order has no such document.")
    return pdf(paper.invoice_pdf(invoice), invoice.code)
