"""Addresses of the pages."""

from django.urls import path

from shop.storefront import (
    cart,
    checkout,
    codes,
    crawlers,
    fixed,
    mails,
    orders,
    payment,
    products,
    searching,
    stock_requests,
    withdrawals,
)
from shop.storefront.account.urls import urlpatterns as account_urls
from shop.storefront.articles import article_urls
from shop.storefront.refills.urls import urlpatterns as refill_urls

urlpatterns = [
    path("", products.product_list, name="product-list"),
    path("products/<slug:slug>", products.product_detail, name="product"),
    path("search", searching.show, name="search-page"),
    path("back-in-stock", stock_requests.ask, name="stock-request-ask"),
    path("back-in-stock/<str:token>", stock_requests.confirm, name="stock-request-confirm"),
    path("back-in-stock/<str:token>/stop", stock_requests.stop, name="stock-request-stop"),
    path("cart", cart.show, name="cart"),
    path("cart/add", cart.add, name="cart-add"),
    path("cart/lines/<int:line_id>", cart.change, name="cart-change"),
    path("cart/lines/<int:line_id>/remove", cart.remove, name="cart-remove"),
    path("cart/code", codes.enter, name="cart-code"),
    path("cart/code/remove", codes.remove, name="cart-code-remove"),
    path("country", cart.country, name="country"),
    path("checkout", checkout.show, name="checkout"),
    path("pay/<str:token>", payment.pay, name="pay"),
    path("o/<str:token>", orders.show, name="order"),
    path("o/<str:token>/cancel", orders.cancel, name="order-cancel"),
    path("o/<str:token>/documents/<str:code>", orders.document, name="order-document"),
    path("o/<str:token>/withdraw", withdrawals.of_order, name="order-withdraw"),
    path("withdraw", withdrawals.declare, name="withdraw"),
    path("withdraw/received/<str:token>", withdrawals.received, name="withdraw-received"),
    path("o/<str:token>/again", orders.again, name="order-again"),
    path("articles/feed.atom", crawlers.atom, name="article-feed"),
    *article_urls,
    *account_urls,
    *refill_urls,
    path("mails", mails.show, name="mails"),
    path("terms", fixed.terms, name="terms"),
    path("favicon.ico", fixed.favicon, name="favicon"),
    path("sitemap.xml", crawlers.sitemap, name="sitemap"),
    path("robots.txt", fixed.robots, name="robots"),
    path(".well-known/security.txt", fixed.security, name="security"),
]
