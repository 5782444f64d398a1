"""The catalogue's addresses alone, where the whole shop is not needed."""

from django.urls import include, path
from drf_spectacular.views import SpectacularAPIView

from shop.admin import site
from shop.backoffice.refills import pages

urlpatterns = [
    # The sidebar of every admin page leads to these.
    path("admin/refills/figures/", pages.figures_page, name="refill-figures"),
    path("admin/refills/demand/", pages.demand_page, name="refill-demand"),
    path("admin/", site.urls),
    path("api/v1/schema", SpectacularAPIView.as_view(), name="schema"),
    path("api/v1/", include("catalog.api.urls")),
]
