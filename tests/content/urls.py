"""The articles' addresses alone: these tests do not depend on how the rest of the shop is wired."""

from django.urls import include, path

from shop.storefront.articles import article_urls
from shop.urls import urlpatterns as shop_urls

urlpatterns = [*shop_urls, path("api/v1/", include("content.api.urls")), *article_urls]
handler404 = "shop.api.errors.not_found"
