"""Discounts: what is taken off, for whom and how often; and what each of them took off an order."""

from django.conf import settings
from django.db import models
from django.db.models import Exists, F, Q

from catalog.models import Category, Product
from orders.models.order import Order


class Discount(models.Model):
    """A rule that lowers an order: by itself, or for who knows a code. What it took off is kept elsewhere."""

    class Kind(models.TextChoices):
        PERCENT = "percent", "a percentage off the goods"
        FIXED = "fixed", "an amount off the goods"
        FREE_SHIPPING = "free_shipping", "free delivery"

    class Scope(models.TextChoices):
        EVERYTHING = "everything"
        CATEGORIES = "categories"
        PRODUCTS = "products"

    label = models.CharField(max_length=80, help_text="as customers read it")
    kind = models.CharField(max_length=16, choices=Kind.choices)
    percent = models.DecimalField(max_digits=5, decimal_places=2, null=True, blank=True)
    is_automatic = models.BooleanField(default=False, help_text="for everybody; else for who has a code")
    scope = models.CharField("taken off", max_length=12, choices=Scope.choices, default=Scope.EVERYTHING)
    categories = models.ManyToManyField(Category, blank=True, related_name="+")
    products = models.ManyToManyField(Product, blank=True, related_name="+")
    first_order_only = models.BooleanField(default=False)
    includes_refills = models.BooleanField(
        default=True, help_text="also lines on refill: their first parcel, on top of the refill price"
    )
    repeats = models.BooleanField(
        default=False,
        help_text="also every later parcel of a refill: an automatic one for everybody, a code for what it "
        "began",
    )
    is_combinable = models.BooleanField(default=True, help_text="may be used together with others")
    starts_at = models.DateTimeField()
    ends_at = models.DateTimeField(null=True, blank=True)
    max_uses = models.PositiveIntegerField(null=True, blank=True, help_text="in all; empty: no limit")
    max_uses_per_customer = models.PositiveIntegerField(null=True, blank=True)
    is_active = models.BooleanField(default=True)
    created_at = models.DateTimeField()

    class Meta:
        db_table = "orders_discount"
        ordering = ["-id"]
        constraints = [
            models.CheckConstraint(
                condition=Q(kind="percent", percent__gt=0, percent__lte=100)
                | (~Q(kind="percent") & Q(percent__isnull=True)),
                name="orders_discount_percent_range",
            ),
            models.CheckConstraint(
                condition=Q(ends_at__isnull=True) | Q(ends_at__gt=F("starts_at")),
                name="orders_discount_ends_after_start",
            ),
        ]

    def __str__(self) -> str:
        return self.label

    @property
    def uses_per_customer(self) -> int | None:
        """How often one customer may have it: a first order there is only once."""
        return 1 if self.first_order_only else self.max_uses_per_customer

    @property
    def is_personal(self) -> bool:
        """Whether it depends on who the customer is."""
        return self.uses_per_customer is not None

    @property
    def is_scarce(self) -> bool:
        """Whether it may run out, so that taking it needs its lock."""
        return self.max_uses is not None or self.is_personal


class DiscountAmount(models.Model):
    """What a discount takes off, and from which value on, in one currency."""

    discount = models.ForeignKey(Discount, on_delete=models.CASCADE, related_name="amounts")
    currency = models.CharField(max_length=3)
    amount_off = models.PositiveBigIntegerField("amount off, minor units", null=True, blank=True)
    minimum_spend = models.PositiveBigIntegerField("minimum spend, minor units", null=True, blank=True)

    class Meta:
        db_table = "orders_discount_amount"
        ordering = ["discount_id", "currency"]
        constraints = [
            models.UniqueConstraint(fields=["discount", "currency"], name="orders_discount_amount_currency")
        ]

    def __str__(self) -> str:
        return f"{self.discount_id} in {self.currency}"


class DiscountCode(models.Model):
    """Words that open a discount. Kept as they are compared: upper case, without spaces and hyphens."""

    discount = models.ForeignKey(Discount, on_delete=models.CASCADE, related_name="codes")
    code = models.CharField(max_length=40, unique=True)
    max_uses = models.PositiveIntegerField(null=True, blank=True, help_text="empty: no limit of its own")
    is_active = models.BooleanField(default=True)
    created_at = models.DateTimeField()

    class Meta:
        db_table = "orders_discount_code"
        ordering = ["-id"]

    def __str__(self) -> str:
        return self.code


class OrderDiscountQuerySet(models.QuerySet["OrderDiscount"]):
    def counted(self) -> "OrderDiscountQuerySet":
        """Redemptions that count against a cap: those that were not given back."""
        return self.filter(returned_at__isnull=True)


class OrderDiscount(models.Model):
    """A redemption: what one discount took off an order, frozen, and whether it counts against its caps.

    The numbers say which use it is: of the discount, of its code and of that discount by this customer. A
    number is taken once at a time, so that the database itself keeps the caps.
    """

    order = models.ForeignKey(Order, on_delete=models.PROTECT, related_name="discounts")
    position = models.PositiveSmallIntegerField()
    discount = models.ForeignKey(Discount, on_delete=models.PROTECT, related_name="redemptions")
    discount_code = models.ForeignKey(
        DiscountCode, on_delete=models.PROTECT, null=True, blank=True, related_name="redemptions"
    )
    code = models.CharField(max_length=40, blank=True)
    label = models.CharField(max_length=80)
    # Off the goods, and off the price of shipping; minor units of the order's currency.
    amount = models.PositiveBigIntegerField()
    shipping_amount = models.PositiveBigIntegerField(default=0)
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, blank=True, related_name="+"
    )
    # A digest of the normalised e-mail address.
    customer_key = models.CharField(max_length=40)
    use_of_discount = models.PositiveIntegerField(null=True, blank=True)
    use_of_code = models.PositiveIntegerField(null=True, blank=True)
    use_by_customer = models.PositiveIntegerField(null=True, blank=True)
    taken_at = models.DateTimeField()
    returned_at = models.DateTimeField(null=True, blank=True)

    objects = OrderDiscountQuerySet.as_manager()

    class Meta:
        db_table = "orders_order_discount"
        verbose_name = "use of a discount"
        verbose_name_plural = "uses of discounts"
        ordering = ["order_id", "position"]
        constraints = [
            models.UniqueConstraint(fields=["order", "discount"], name="orders_order_discount_once"),
            models.UniqueConstraint(
                fields=["discount", "use_of_discount"],
                condition=Q(returned_at__isnull=True),
                name="orders_order_discount_use",
            ),
            models.UniqueConstraint(
                fields=["discount_code", "use_of_code"],
                condition=Q(returned_at__isnull=True),
                name="orders_order_discount_use_of_code",
            ),
            models.UniqueConstraint(
                fields=["discount", "customer_key", "use_by_customer"],
                condition=Q(returned_at__isnull=True),
                name="orders_order_discount_use_by_customer",
            ),
            models.CheckConstraint(
                condition=Q(amount__gt=0) | Q(shipping_amount__gt=0),
                name="orders_order_discount_takes_something",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.label} on order {self.order_id}"

    @property
    def saved(self) -> int:
        """What it took off goods and shipping together, in minor units."""
        return self.amount + self.shipping_amount


def any_automatic(at: object) -> Exists:
    """Return whether a discount that needs no code holds at a moment, as a part of another query."""
    running = Q(ends_at__isnull=True) | Q(ends_at__gt=at)
    return Exists(Discount.objects.filter(running, is_automatic=True, is_active=True, starts_at__lte=at))
