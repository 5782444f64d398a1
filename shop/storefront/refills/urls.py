"""Addresses of the refills' pages, each behind two doors: a link from a mail, and the account."""

from django.urls import URLPattern, path

from shop.storefront.refills import cards, changing, ending, fresh_links, landing, send_now
from shop.storefront.refills.holders import Page, by_account, by_link


def _both(route: str, page: Page, name: str) -> list[URLPattern]:
    return [
        path(f"r/<str:token>/{route}", by_link(page), name=f"refill-{name}"),
        path(f"account/refills/{route}", by_account(page), name=f"account-refill-{name}"),
    ]


urlpatterns = [
    path("refills", fresh_links.ask, name="refill-link"),
    path("r/<str:token>", landing.land, name="refills"),
    path("account/refills", by_account(landing.overview), name="account-refills"),
    *_both("<str:verb>", landing.choose, "choose"),
    *_both("<str:reference>/cancel", ending.cancel, "cancel"),
    *_both("<str:reference>/send-now", send_now.page, "send-now"),
    *_both("<str:reference>/card", cards.choose, "card"),
    *_both("<str:reference>/card/new", cards.new, "card-new"),
    *_both("<str:reference>/card/return", cards.come_back, "card-return"),
    *_both("<str:reference>/items/<str:item>/remove", changing.remove_item, "item-remove"),
    *_both("<str:reference>/<str:verb>", changing.page, "change"),
]
