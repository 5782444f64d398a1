"""Addresses of carts, orders and refills under /api/v1/."""

from django.urls import include, path

from orders.api import cards, carts, documents, orders, withdrawals

urlpatterns = [
    path("carts", carts.CartListView.as_view(), name="cart-list"),
    path("carts/<str:cart_id>", carts.CartView.as_view(), name="cart"),
    path("carts/<str:cart_id>/lines", carts.CartLineListView.as_view(), name="cart-lines"),
    path("carts/<str:cart_id>/lines/<int:line_id>", carts.CartLineView.as_view(), name="cart-line"),
    path(
        "carts/<str:cart_id>/shipping-methods", carts.ShippingMethodListView.as_view(), name="cart-shipping"
    ),
    path("carts/<str:cart_id>/checkout", carts.CheckoutView.as_view(), name="cart-checkout"),
    path("me/orders", orders.MyOrdersView.as_view(), name="my-orders"),
    path("orders/<str:reference>", orders.OrderView.as_view(), name="order"),
    path("orders/<str:reference>/payment", orders.OrderPaymentView.as_view(), name="order-payment"),
    path("orders/<str:reference>/cancel", orders.OrderCancelView.as_view(), name="order-cancel"),
    path("orders/<str:reference>/reorder", orders.OrderReorderView.as_view(), name="order-reorder"),
    path("orders/<str:reference>/refresh", orders.OrderRefreshView.as_view(), name="order-refresh"),
    path(
        "orders/<str:reference>/withdrawal",
        withdrawals.OrderWithdrawalView.as_view(),
        name="order-withdrawal",
    ),
    path("orders/<str:reference>/invoice", documents.OrderInvoiceView.as_view(), name="order-invoice"),
    path(
        "orders/<str:reference>/documents/<str:code>",
        documents.OrderDocumentView.as_view(),
        name="order-document",
    ),
    path("me/cart", cards.OwnCartView.as_view(), name="me-cart"),
    path("me/cards", cards.CardListView.as_view(), name="me-cards"),
    path("me/cards/confirm", cards.CardConfirmView.as_view(), name="me-card-confirm"),
    path("me/cards/<str:card_id>", cards.CardView.as_view(), name="me-card"),
    path("", include("orders.api.subscription_urls")),
]
