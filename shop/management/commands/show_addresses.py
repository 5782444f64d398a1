"""manage.py show_addresses: where everything of the running stack is."""

from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand

from content import links
from content.models import Article
from shop.accounts import roles
from shop.clock import reading
from shop.management.commands.load_sample_data import DEMO_STAFF_EMAIL, DEMO_STAFF_PASSWORD, role_email

CENTRAL_ARTICLE = "magnesium-flakes-and-oil-what-is-known"


class Command(BaseCommand):
    help = "Print the addresses of shop, API docs, admin, mails and the preview of the unpublished article."

    def handle(self, *args: Any, **options: Any) -> None:
        base = settings.BASE_URL
        rows = [
            ("Shop", f"{base}/"),
            ("API docs", f"{base}/api/v1/docs"),
            ("Admin", f"{base}/admin/   (demo login: {DEMO_STAFF_EMAIL} / {DEMO_STAFF_PASSWORD})"),
            ("", f"the same password: {', '.join(role_email(role) for role in roles.ROLES)}"),
            ("Mails", f"{base}/mails"),
        ]
        article = Article.objects.filter(slug=CENTRAL_ARTICLE).first()
        if article is not None:
            rows.append(("Article preview", f"{base}{links.preview_path(article)}"))
        if not settings.STRIPE_API_BASE.startswith("https://api.stripe.com"):
            rows.append(("Payments (test double)", f"{settings.STRIPE_API_BASE}/"))
        if reading.is_moved():
            moved = 'moved; `make manage ARGS="move_clock --reset"` brings it back'
            rows.append(("The shop's clock", f"{reading.now():%-d %b %Y, %H:%M} UTC ({moved})"))
        width = max(len(name) for name, _ in rows)
        for name, address in rows:
            self.stdout.write(f"  {name:<{width}}  {address}")
