"""What a refill would look like for somebody's use: on the product's page, and beside a line of the cart."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date, timedelta

from catalog import usage
from catalog.models import Variant
from catalog.pricing import Offer
from catalog.usage import LineEstimate, UsageGuide, Use
from orders import supplies
from orders.models import CartLine
from shop.exceptions import ShopError
from shop.storefront.forms import EstimateForm

_ASKED = ("method", "dose", "sessions", "sprays", "people")


@dataclass(frozen=True, slots=True)
class RefillOffer:
    """`pack_days` is what one pack lasts. With a refill that fits: how many and how often, what that lasts,
    until about which day, and what a piece costs on it, in minor units.
    """

    estimate: LineEstimate
    use: str
    pack_days: int
    quantity: int = 0
    weeks: int = 0
    days: int = 0
    until: str = ""
    price: int | None = None


@dataclass(frozen=True, slots=True)
class LineOffer:
    """The offer beside a line of the cart, with its form. `problem`: why what was typed has no answer."""

    offer: RefillOffer | None
    form: EstimateForm
    guides: list[UsageGuide]
    is_asked: bool
    problem: str = ""


def use_of(form: EstimateForm, variant: Variant) -> Use:
    """Return what a valid form says; what was left empty is assumed from the product's guide."""
    given = form.cleaned_data
    return Use(
        variant=variant,
        method=form.chosen_method(),
        dose=given.get("dose"),
        sessions_per_week=given.get("sessions"),
        sprays_per_day=given.get("sprays"),
        people=given.get("people") or 1,
    )


def is_asked(query: Mapping[str, str]) -> bool:
    """Return whether somebody told how they use it."""
    return any(query.get(name) for name in _ASKED)


def offer_for(use: Use, *, on: date, price: int | None = None) -> RefillOffer:
    """Return what fits a use, worked out by the same verb as the API's estimate.

    The day is counted from the parcel's arrival. Never more than the label's dose: see the warnings.
    :raises ShopError: for a use that nobody has.
    """
    found = usage.estimate([use], on=on)[0]
    words = in_words(found)
    fits = found.recommendation
    if fits is None:
        return RefillOffer(found, words, found.usable_days)
    arrives_on = on + timedelta(days=usage.DELIVERY_DAYS)
    together = usage.estimate([replace(use, quantity=fits.quantity)], on=on)[0]
    until = arrives_on + timedelta(days=together.usable_days)
    return RefillOffer(
        estimate=found,
        use=words,
        pack_days=found.usable_days,
        quantity=fits.quantity,
        weeks=fits.interval_days // 7,
        days=together.usable_days,
        until=supplies.day_in_words(until, since=on),
        price=price,
    )


def beside(
    line: CartLine, query: Mapping[str, str], offers: Mapping[int, Offer], *, on: date
) -> LineOffer | None:
    """Return the offer beside a line that is bought once; None for what is not used up or not on refill.

    What the visitor has told about another line says nothing here.
    """
    variant = line.variant
    sold = offers.get(variant.pk)
    if line.refill_unit is not None or not variant.is_subscribable or not usage.is_consumable(variant):
        return None
    if sold is None or sold.refill_amount is None:
        return None
    asked = query.get("line") == str(line.pk)
    guides = usage.guides_for(variant.product)
    form = EstimateForm(query if asked else {}, guides=guides, auto_id=f"line-{line.pk}-%s")
    if not form.is_valid():
        return LineOffer(None, form, guides, asked, "Please look at the fields again.")
    try:
        offer = offer_for(use_of(form, variant), on=on, price=sold.refill_amount)
    except ShopError as refusal:
        return LineOffer(None, form, guides, asked, refusal.detail)
    return LineOffer(offer, form, guides, asked)


def in_words(found: LineEstimate) -> str:
    """Return the use that an estimate assumes: "150 g a foot soak, 3 times a week, for 2 people"."""
    facts = found.assumptions
    if "sprays_per_day" in facts:
        words = f"{facts['sprays_per_day']} sprays a day"
    elif "ml_per_day" in facts:
        words = f"{facts['ml_per_day']} ml a day"
    else:
        soak = "bath" if found.method == "bath" else "foot soak"
        often = "once" if facts["sessions_per_week"] == "1" else f"{facts['sessions_per_week']} times"
        words = f"{facts['dose_g']} g a {soak}, {often} a week"
    return words if facts["people"] == "1" else f"{words}, for {facts['people']} people"
