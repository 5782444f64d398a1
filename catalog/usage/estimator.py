"""The refill estimator: how long a pack lasts, and which refill covers the need.

Days are counted exactly and rounded down, so that nobody is told of a day that is not in the pack.
"""

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from decimal import Decimal
from fractions import Fraction

from catalog.models import Variant
from catalog.usage.guides import Method, UsageGuide, default_method, dose_key, guide_for
from shop.exceptions import InvalidInput

CADENCES_DAYS = (14, 21, 28, 35, 42, 49, 56, 63, 70, 77, 84, 112, 140, 168)
# Parcels less than four weeks apart come second: more parcels, more packaging, more postage.
SHORTEST_USUAL_DAYS = 28
COVER_AT_MOST = Fraction(120, 100)
MOST_PACKS = 12

USABLE_FLAKES = Fraction(97, 100)
USABLE_OIL = Fraction(95, 100)
ML_PER_SPRAY = Fraction(15, 100)
ML_PER_SPRAY_RANGE = (Fraction(10, 100), Fraction(20, 100))
# How far a measured dose is off in practice.
MEASURING_ERROR = Fraction(10, 100)
DELIVERY_DAYS = 3
DAYS_PER_MONTH = Fraction(36525, 1200)


class NotUsedUp(InvalidInput):
    code = "not_used_up"
    title = "There is nothing to refill"


class UnlikelyUse(InvalidInput):
    code = "unlikely_use"
    title = "Nobody uses it like that"


@dataclass(frozen=True, slots=True)
class Use:
    """How somebody uses a variant; what is None is assumed from the product's usage guide.

    `dose` is g per session, or ml per day of a roll-on; `on_hand` is g or ml that are at home already.
    """

    variant: Variant
    quantity: int = 1
    method: Method | None = None
    dose: Decimal | None = None
    sessions_per_week: int | None = None
    sprays_per_day: int | None = None
    ml_per_spray: Decimal | None = None
    people: int = 1
    on_hand: int = 0


@dataclass(frozen=True, slots=True)
class Days:
    low: int
    expected: int
    high: int


@dataclass(frozen=True, slots=True)
class Recommendation:
    """Send `quantity` packs every `interval_days`: that covers `cover_percent` of the need."""

    interval_days: int
    quantity: int
    cover_percent: int


@dataclass(frozen=True, slots=True)
class Reason:
    code: str
    text: str


OUTLASTS = Reason(
    "outlasts_longest_interval", "One pack lasts longer than the longest interval: buy it once."
)
OUTLASTS_SHELF_LIFE = Reason(
    "outlasts_shelf_life", "At this use it would pass its best-before date: buy it once."
)
TOO_SMALL = Reason("too_small", "It would take too many packs at a time: choose a larger one.")
NO_FIT = Reason("no_interval_fits", "No interval fits this pack without too much or too little.")
NOT_SUBSCRIBABLE = Reason("not_subscribable", "This size is sold one at a time, not as a refill.")


@dataclass(frozen=True, slots=True)
class LineEstimate:
    """What the estimator says of one line.

    `days` is what the packs of the line last; `usable_days` the same, ended by the shelf life.
    """

    variant: Variant
    method: Method
    days: Days
    usable_days: int
    recommendation: Recommendation | None
    reason: Reason | None
    alternative: Variant | None
    assumptions: dict[str, str]
    first_refill_on: date
    label_dose_exceeded: bool
    warnings: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class _Need:
    """Consumption per day of everybody in the household: as stated, at the label's limit, and its ends."""

    expected: Fraction
    at_label: Fraction
    least: Fraction
    most: Fraction
    usable: Fraction
    assumptions: dict[str, str]

    @property
    def exceeded(self) -> bool:
        return self.expected > self.at_label


def days_of_flakes(grams: int, dose: Decimal | int, sessions_per_week: int, people: int = 1) -> int:
    """Return how many days flakes last: g × 0.97 ÷ (dose in g × sessions per week × people) × 7."""
    return int(grams * USABLE_FLAKES / (Fraction(dose) * sessions_per_week * people) * 7)


def days_of_oil(
    millilitres: int, sprays_per_day: int, people: int = 1, ml_per_spray: Decimal = Decimal("0.15")
) -> int:
    """Return how many days a spray lasts: ml × 0.95 ÷ (sprays per day × ml per spray × people)."""
    return int(millilitres * USABLE_OIL / (sprays_per_day * Fraction(ml_per_spray) * people))


def is_consumable(variant: Variant) -> bool:
    """Return whether a variant is used up by a method of its own; accessories and bundles are not."""
    return default_method(variant.product) is not None


def estimate(uses: Iterable[Use], *, on: date) -> list[LineEstimate]:
    """Return how long each line lasts and which refill covers 100–120 % of its need.

    One query more if a line has no refill and another size may have one. Nothing is stored.
    :raises NotUsedUp: for an accessory or a bundle.
    :raises WrongMethod: if the product's label names no such method.
    :raises UnlikelyUse: for a dose far from the label's.
    """
    lines = list(uses)
    first = [_numbered(index, use, on) for index, use in enumerate(lines)]
    if all(found.recommendation for found in first):
        return first
    others = list(Variant.objects.sellable().filter(is_subscribable=True).select_related("product"))
    return [
        found if found.recommendation else _with_alternative(found, use, others)
        for use, found in zip(lines, first, strict=True)
    ]


def default_refill(variant: Variant) -> Recommendation | None:
    """Return the refill for the usual use of a variant, without a query if its product is loaded."""
    if not variant.is_subscribable or not is_consumable(variant):
        return None
    return _recommend(variant, _need(Use(variant)))


def lasts_until(variant: Variant, quantity: int, on: date) -> date | None:
    """Return the day until which packs opened on a date last at the usual use; None if not used up.

    About that day: mails say "until about 14 December". Never beyond the shelf life.
    """
    if not is_consumable(variant):
        return None
    return on + timedelta(days=_estimate(Use(variant, quantity), on).usable_days)


def _numbered(index: int, use: Use, on: date) -> LineEstimate:
    """Estimate one line; a refusal names the field together with the line."""
    try:
        return _estimate(use, on)
    except InvalidInput as refusal:
        refusal.fields = {f"lines.{index}.{name}": said for name, said in refusal.fields.items()}
        raise


def _estimate(use: Use, on: date) -> LineEstimate:
    variant = use.variant
    need = _need(use)
    amount = variant.net_content * use.quantity
    days = Days(*(int(amount * need.usable / rate) for rate in (need.most, need.expected, need.least)))
    shelf_days = _shelf_life_days(variant)
    usable = days.expected if shelf_days is None else min(days.expected, shelf_days)
    recommendation = _recommend(variant, need) if variant.is_subscribable else None
    stocked = int((amount + use.on_hand) * need.usable / need.expected)
    stocked = stocked if shelf_days is None else min(stocked, shelf_days)
    return LineEstimate(
        variant=variant,
        method=use.method or _usual_method(variant),
        days=days,
        usable_days=usable,
        recommendation=recommendation,
        reason=None if recommendation else _reason(variant, need, shelf_days),
        alternative=None,
        assumptions={**need.assumptions, "delivery_days": str(DELIVERY_DAYS)},
        first_refill_on=on + timedelta(days=max(1, stocked - DELIVERY_DAYS)),
        label_dose_exceeded=need.exceeded,
        warnings=_warnings(need, usable < days.expected),
    )


def _usual_method(variant: Variant) -> Method:
    method = default_method(variant.product)
    if method is None:
        raise NotUsedUp(f"{variant.sku} is not used up.", fields={"sku": ["Not something that is used up."]})
    return method


def _need(use: Use) -> _Need:
    guide = guide_for(use.variant.product, use.method or _usual_method(use.variant))
    return _need_of_skin(use, guide) if guide.method == Method.SKIN else _need_of_soak(use, guide)


def _dose(use: Use, guide: UsageGuide) -> Fraction:
    """Return the stated or usual dose.

    :raises UnlikelyUse: if it is far from the label's, or sprays are counted where something is weighed.
    """
    if use.sprays_per_day is not None:
        raise UnlikelyUse(f"Send the dose in {guide.unit}.", fields={"sprays_per_day": ["Not sprayed."]})
    if use.dose is None:
        return Fraction(guide.dose_default)
    low, high = guide.dose_low / 2, guide.dose_high * 4
    if not low <= use.dose <= high:
        said = f"{low.normalize():f} to {high.normalize():f} {guide.unit}."
        raise UnlikelyUse("That dose is far from the label's.", fields={"dose": [said]})
    return Fraction(use.dose)


def _need_of_soak(use: Use, guide: UsageGuide) -> _Need:
    dose = _dose(use, guide)
    sessions = use.sessions_per_week or guide.sessions_per_week
    portioned = guide.dose_low == guide.dose_high
    low, high = _ends(dose, None if use.dose is not None else guide)
    per_day = Fraction(sessions * use.people, 7)
    label_dose = min(dose, Fraction(guide.dose_high))
    label_sessions = min(sessions, guide.sessions_per_week_max)
    return _Need(
        expected=dose * per_day,
        at_label=label_dose * Fraction(label_sessions * use.people, 7),
        least=(dose if portioned else low) * per_day,
        most=(dose if portioned else high) * per_day,
        # A sachet is emptied whole; a pouch leaves a little in its corners.
        usable=Fraction(1) if portioned else USABLE_FLAKES,
        assumptions={
            "dose_g": _plain(dose),
            "sessions_per_week": str(sessions),
            "people": str(use.people),
            "usable_share": "1" if portioned else _plain(USABLE_FLAKES),
        },
    )


def _need_of_skin(use: Use, guide: UsageGuide) -> _Need:
    facts = {"people": str(use.people), "usable_share": _plain(USABLE_OIL)}
    if guide.unit == "ml":
        dose = _dose(use, guide)
        low, high = _ends(dose, None if use.dose is not None else guide)
        label = min(dose, Fraction(guide.dose_high))
        facts["ml_per_day"] = _plain(dose)
    elif use.dose is not None:
        raise UnlikelyUse("Count the sprays.", fields={"dose": ["Send sprays_per_day instead."]})
    else:
        sprays = use.sprays_per_day or int(guide.dose_default)
        known = use.ml_per_spray or use.variant.product.ml_per_spray
        volume = Fraction(known) if known else ML_PER_SPRAY
        spread = ML_PER_SPRAY_RANGE if use.ml_per_spray is None else _ends(volume, None)
        dose, low, high = sprays * volume, sprays * spread[0], sprays * spread[1]
        label = min(sprays, int(guide.dose_high)) * volume
        facts |= {"sprays_per_day": str(sprays), "ml_per_spray": _plain(volume)}
    return _Need(
        expected=dose * use.people,
        at_label=label * use.people,
        least=low * use.people,
        most=high * use.people,
        usable=USABLE_OIL,
        assumptions=facts,
    )


def _ends(dose: Fraction, guide: UsageGuide | None) -> tuple[Fraction, Fraction]:
    """Return between what a dose lies: the label's range if nobody named it, else the error of measuring."""
    if guide is not None:
        return Fraction(guide.dose_low), Fraction(guide.dose_high)
    return dose * (1 - MEASURING_ERROR), dose * (1 + MEASURING_ERROR)


def _recommend(variant: Variant, need: _Need) -> Recommendation | None:
    """Return the refill that covers 100–120 %: four weeks and longer first, then least packs, then closest.

    Never for more than the label's dose.
    """
    pack_days = variant.net_content * need.usable / min(need.expected, need.at_label)
    usual = [days for days in CADENCES_DAYS if days >= SHORTEST_USUAL_DAYS]
    short = [days for days in CADENCES_DAYS if days < SHORTEST_USUAL_DAYS]
    return _fit(pack_days, usual) or _fit(pack_days, short)


def _fit(pack_days: Fraction, cadences: Sequence[int]) -> Recommendation | None:
    for quantity in range(1, MOST_PACKS + 1):
        supply = pack_days * quantity
        # The longest interval that the packs cover is the one whose cover is closest to 100 %.
        position = bisect_right(cadences, supply)
        if position and supply / cadences[position - 1] <= COVER_AT_MOST:
            interval = cadences[position - 1]
            return Recommendation(interval, quantity, int(supply / interval * 100 + Fraction(1, 2)))
    return None


def _reason(variant: Variant, need: _Need, shelf_days: int | None) -> Reason:
    pack_days = variant.net_content * need.usable / min(need.expected, need.at_label)
    if shelf_days is not None and pack_days > shelf_days:
        return OUTLASTS_SHELF_LIFE
    if pack_days > CADENCES_DAYS[-1] * COVER_AT_MOST:
        return OUTLASTS
    if not variant.is_subscribable:
        return NOT_SUBSCRIBABLE
    return TOO_SMALL if pack_days * MOST_PACKS < SHORTEST_USUAL_DAYS else NO_FIT


def _with_alternative(found: LineEstimate, use: Use, others: Sequence[Variant]) -> LineEstimate:
    """Name the size whose refill fits: of the same product, else of the same brine or flakes."""
    need = _need(use)
    best: tuple[tuple[bool, bool, int, int], Variant] | None = None
    for other in others:
        if other.pk == use.variant.pk or not _same_stuff(other, use.variant, found.method):
            continue
        fits = _recommend(other, need)
        if fits is None:
            continue
        elsewhere = other.product_id != use.variant.product_id
        away = abs(other.net_content - use.variant.net_content)
        rank = (elsewhere, fits.interval_days < SHORTEST_USUAL_DAYS, fits.quantity, away)
        if best is None or rank < best[0]:
            best = (rank, other)
    return found if best is None else replace(found, alternative=best[1])


def _same_stuff(other: Variant, variant: Variant, method: Method) -> bool:
    mine, theirs = variant.product, other.product
    same = (theirs.kind, theirs.inci, theirs.mgcl2_percent) == (mine.kind, mine.inci, mine.mgcl2_percent)
    return same and dose_key(theirs, method) == dose_key(mine, method)


def _warnings(need: _Need, outlasts_shelf_life: bool) -> list[str]:
    found = []
    if need.exceeded:
        found.append("That is more than the label's dose. The refill is worked out for the label's dose.")
    if outlasts_shelf_life:
        found.append("At this use the pack would pass its best-before date before it is empty.")
    return found


def _shelf_life_days(variant: Variant) -> int | None:
    months = variant.product.durability_months
    return None if months is None else int(months * DAYS_PER_MONTH)


def _plain(value: Fraction) -> str:
    return f"{float(value):g}"
