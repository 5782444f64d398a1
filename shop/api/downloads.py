"""Files as answers."""

from typing import Any

from django.http import HttpResponse
from rest_framework.renderers import BaseRenderer, JSONRenderer

PDF = "application/pdf"


class PdfRenderer(BaseRenderer):
    """Lets a client ask for `application/pdf`; a refusal is a problem document all the same."""

    media_type = PDF
    format = "pdf"

    def render(self, data: Any, accepted_media_type: Any = None, renderer_context: Any = None) -> bytes:
        return JSONRenderer().render(data, None, renderer_context)


def pdf(content: bytes, name: str) -> HttpResponse:
    """Answer with a PDF that a browser shows and saves under `name`, and that nobody in between keeps."""
    answer = HttpResponse(content, content_type=PDF)
    answer["Content-Disposition"] = f'inline; filename="{name}.pdf"'
    answer["Cache-Control"] = "private, no-store"
    return answer
