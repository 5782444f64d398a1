"""Usage guides: one source for product page, article box, packing slip and mail."""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from django.db import models
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from catalog.cautions import Caution, cautions_for
from catalog.models import Product
from shop.exceptions import InvalidInput


class Method(models.TextChoices):
    FOOT = "foot", "Foot soak"
    BATH = "bath", "Bath"
    SKIN = "skin", "On the skin"


class WrongMethod(InvalidInput):
    code = "wrong_method"
    title = "The product is not used that way"


# Warm, not hot. Source: the label, which follows the caution on numb feet.
WATER_LITRES = {Method.FOOT: 5, Method.BATH: 100}
TEMPERATURE_MAX_C = {Method.FOOT: 38, Method.BATH: 39}
SKIN_DOSES = {"sprays_per_day": "sprays", "ml_per_day": "ml"}


@dataclass(frozen=True, slots=True)
class UsageGuide:
    """How to use a product by one method.

    Doses are in `unit` per session (g) or per day (sprays, ml); temperatures in °C. What does not apply to
    the method is None.
    """

    method: Method
    title: str
    unit: str
    dose_low: Decimal
    dose_high: Decimal
    dose_default: Decimal
    sessions_per_week: int
    sessions_per_week_max: int
    water_litres: int | None
    temperature_max_c: int | None
    minutes: tuple[int, int] | None
    frequency: str
    steps: tuple[str, ...]
    cautions: tuple[Caution, ...]


def dose_key(product: Product, method: Method) -> str | None:
    """Return the key of a method's dose in the product's label and defaults; None if it is not used so."""
    if method != Method.SKIN:
        key = f"{method.value}_g"
        return key if key in product.label_dose else None
    return next((key for key in SKIN_DOSES if key in product.label_dose), None)


def methods_of(product: Product) -> list[Method]:
    """Return the ways a product is used, the usual one first; none for accessories and bundles."""
    return [method for method in Method if dose_key(product, method)]


def default_method(product: Product) -> Method | None:
    """Return the usual way a product is used."""
    return next(iter(methods_of(product)), None)


def guides_for(product: Product) -> list[UsageGuide]:
    """Return the usage guides of a product, one for each method."""
    return [guide_for(product, method) for method in methods_of(product)]


def usual_use(product: Product) -> str:
    """Return the use that estimates assume: "150 g a foot soak, 3 times a week"; "" for accessories."""
    method = default_method(product)
    if method is None:
        return ""
    guide = guide_for(product, method)
    facts = {"dose": f"{guide.dose_default.normalize():f}", "times": guide.sessions_per_week}
    if guide.unit == "sprays":
        return _("%(dose)s sprays a day") % facts
    if guide.unit == "ml":
        return _("%(dose)s ml a day") % facts
    words = _("%(dose)s g a bath") if method == Method.BATH else _("%(dose)s g a foot soak")
    often = ngettext("once a week", "%(times)s times a week", guide.sessions_per_week)
    return f"{words % facts}, {often % facts}"


def guide_for(product: Product, method: Method) -> UsageGuide:
    """Return the guide of a product for one method.

    :raises WrongMethod: if its label names no dose for that method.
    """
    key = dose_key(product, method)
    if key is None:
        ways = ", ".join(methods_of(product)) or "none"
        raise WrongMethod(f"{product.name} is not used that way.", fields={"method": [f"One of: {ways}."]})
    low, high = (Decimal(str(end)) for end in product.label_dose[key])
    default = Decimal(str(product.usage_defaults.get(key, low)))
    sessions = _sessions(product.usage_defaults, method)
    return UsageGuide(
        method=method,
        title=str(method.label),
        unit=SKIN_DOSES.get(key, "g"),
        dose_low=low,
        dose_high=high,
        dose_default=default,
        sessions_per_week=sessions,
        sessions_per_week_max=int(product.label_dose.get("max_sessions_per_week", 7)),
        water_litres=WATER_LITRES.get(method),
        temperature_max_c=TEMPERATURE_MAX_C.get(method),
        minutes=_minutes(product.usage_defaults, method),
        frequency="every day" if sessions >= 7 else f"{sessions} times a week",
        steps=tuple(product.directions.get(method.value, ())),
        cautions=tuple(cautions_for(product.caution_codes)),
    )


def _sessions(defaults: Mapping[str, Any], method: Method) -> int:
    key, usual = ("days_per_week", 7) if method == Method.SKIN else ("sessions_per_week", 3)
    return int(defaults.get(key, usual))


def _minutes(defaults: Mapping[str, Any], method: Method) -> tuple[int, int] | None:
    if method == Method.SKIN or "minutes" not in defaults:
        return None
    low, high = defaults["minutes"]
    return int(low), int(high)
