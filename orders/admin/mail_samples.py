"""What the preview page of the mails shows of this app."""

from orders.emails.samples import SAMPLES
from shop.mail import preview

preview.offer(SAMPLES)
