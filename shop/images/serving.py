"""The files drawn from pictures, on the web. Their names are never used twice, so browsers may keep them."""

import re
from pathlib import PurePath

from django.conf import settings
from django.core.files.storage import default_storage
from django.http import FileResponse, Http404, HttpRequest, HttpResponseBase
from django.urls import path
from django.views.decorators.http import require_safe

from shop.images.showing import TYPES

# Only what `pictures` writes: whatever else lies in that folder is not served.
NAME = re.compile(r"[0-9a-f]{2}/[0-9a-f]{32}-[0-9]{1,5}(?:_[A-Za-z0-9]{7})?\.(?:webp|jpg)")
A_YEAR_S = 365 * 24 * 3600


@require_safe
def media(request: HttpRequest, name: str) -> HttpResponseBase:
    """Send one file. A server in front may do it instead: see MEDIA_ROOT in .env.example."""
    if not NAME.fullmatch(name):
        raise Http404("There is no such file.")
    try:
        file = default_storage.open(name)
    except OSError as error:
        raise Http404("There is no such file.") from error
    response = FileResponse(file, content_type=TYPES[PurePath(name).suffix[1:]])
    response["Cache-Control"] = f"public, max-age={A_YEAR_S}, immutable"
    response["X-Content-Type-Options"] = "nosniff"
    # Only for this answer: should a file ever be something else, it may do nothing.
    response["Content-Security-Policy"] = "default-src 'none'; sandbox"
    return response


urlpatterns = [path(f"{settings.MEDIA_URL.strip('/')}/<path:name>", media, name="media")]
