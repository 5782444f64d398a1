"""Answers for whatever watches the processes."""

from django.db import DatabaseError, connection
from django.http import HttpRequest, JsonResponse


def healthz(request: HttpRequest) -> JsonResponse:
    """The process is alive."""
    return JsonResponse({"status": "ok"})


def readyz(request: HttpRequest) -> JsonResponse:
    """The process can serve: its database answers and is migrated."""
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1 FROM catalog_product LIMIT 1")
    except DatabaseError:
        return JsonResponse({"status": "database not ready"}, status=503)
    return JsonResponse({"status": "ready"})
