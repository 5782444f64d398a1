"""Every address of the shop."""

from django.urls import URLPattern, URLResolver, include, path
from drf_spectacular.views import SpectacularAPIView, SpectacularSwaggerView

from orders.webhooks import stripe_webhook
from shop import health
from shop.admin import site
from shop.backoffice.refills import pages as refill_reports

handler400 = "shop.storefront.errors.bad_request"
handler404 = "shop.storefront.errors.not_found"
handler500 = "shop.storefront.errors.server_error"

api: list[URLPattern | URLResolver] = [
    path("schema", SpectacularAPIView.as_view(), name="schema"),
    path("docs", SpectacularSwaggerView.as_view(url_name="schema"), name="docs"),
    path("", include("catalog.api.urls")),
    path("", include("orders.api.urls")),
    path("", include("content.api.urls")),
    path("", include("shop.search.api")),
    path("", include("shop.privacy.api")),
    path("", include("shop.accounts.api.urls")),
]

urlpatterns: list[URLPattern | URLResolver] = [
    path("healthz", health.healthz, name="healthz"),
    path("readyz", health.readyz, name="readyz"),
    path("webhooks/stripe", stripe_webhook, name="stripe-webhook"),
    path("api/v1/", include(api)),
    path("admin/refills/figures/", refill_reports.figures_page, name="refill-figures"),
    path("admin/refills/demand/", refill_reports.demand_page, name="refill-demand"),
    path("admin/", site.urls),
    path("", include("shop.images.serving")),
    path("", include("shop.storefront.urls")),
]
