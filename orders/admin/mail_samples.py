"""What the preview page of the mails shows of this app."""

from orders.emails import return_samples, samples
from shop.mail import preview

preview.offer({**samples.SAMPLES, **return_samples.SAMPLES})
