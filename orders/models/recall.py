"""Recalls: who was told about which lot."""

from django.conf import settings
from django.db import models

from catalog.models import Lot
from shop.mail.models import OutboxMessage


class RecallNotice(models.Model):
    """One customer told about one lot, once and for all, however often the recall is run."""

    lot = models.ForeignKey(Lot, on_delete=models.PROTECT, related_name="+")
    # As the outbox knows it, in lower case: one customer may have typed it in two ways.
    email = models.CharField(max_length=254)
    units = models.PositiveIntegerField()
    message = models.ForeignKey(OutboxMessage, on_delete=models.SET_NULL, null=True, related_name="+")
    sent_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )
    created_at = models.DateTimeField()

    class Meta:
        db_table = "orders_recall_notice"
        ordering = ["-id"]
        constraints = [models.UniqueConstraint(fields=["lot", "email"], name="orders_recall_notice_once")]

    def __str__(self) -> str:
        return f"{self.email} about lot {self.lot_id}"
