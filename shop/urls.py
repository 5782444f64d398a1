"""Every address of the shop."""

from django.urls import URLPattern, URLResolver, path
from drf_spectacular.views import SpectacularAPIView, SpectacularSwaggerView

from shop.admin import site

handler404 = "shop.api.errors.not_found"
handler500 = "shop.api.errors.server_error"

urlpatterns: list[URLPattern | URLResolver] = [
    path("admin/", site.urls),
    path("api/v1/schema", SpectacularAPIView.as_view(), name="schema"),
    path("api/v1/docs", SpectacularSwaggerView.as_view(url_name="schema"), name="docs"),
]
