"""The articles' addresses alone, so that these tests do not depend on the rest of the shop."""

from django.urls import include, path

from shop.admin import site
from shop.storefront.articles import article_urls

urlpatterns = [
    path("admin/", site.urls),
    path("api/v1/", include("content.api.urls")),
    *article_urls,
]
