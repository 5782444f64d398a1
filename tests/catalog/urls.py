"""The catalogue's addresses alone, where the whole shop is not needed."""

from django.urls import include, path
from drf_spectacular.views import SpectacularAPIView

from shop.admin import site

urlpatterns = [
    path("admin/", site.urls),
    path("api/v1/schema", SpectacularAPIView.as_view(), name="schema"),
    path("api/v1/", include("catalog.api.urls")),
]
