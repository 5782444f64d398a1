"""Addresses of the catalogue, under /api/v1/."""

from catalog.api import views
from catalog.api.back_in_stock import BackInStock
from shop.api.routes import endpoint

urlpatterns = [
    *endpoint("products", views.ProductList, "products"),
    *endpoint("products/<slug:slug>", views.ProductDetail, "product"),
    *endpoint("categories", views.CategoryList, "categories"),
    *endpoint("bundles", views.BundleList, "bundles"),
    *endpoint("bundles/<slug:slug>", views.BundleDetail, "bundle"),
    *endpoint("back-in-stock", BackInStock, "back-in-stock"),
    *endpoint("refill-estimate", views.RefillEstimate, "refill-estimate"),
]
