"""How the goods are used: guides for every page and slip, and how long a pack lasts."""

from catalog.usage.estimator import (
    CADENCES_DAYS,
    Days,
    LineEstimate,
    NotUsedUp,
    Reason,
    Recommendation,
    UnlikelyUse,
    Use,
    days_of_flakes,
    days_of_oil,
    default_refill,
    estimate,
    is_consumable,
    lasts_until,
)
from catalog.usage.guides import (
    Method,
    UsageGuide,
    WrongMethod,
    default_method,
    guides_for,
    methods_of,
    usual_use,
)
from catalog.usage.magnesium import MagnesiumContent, magnesium_of

__all__ = [
    "CADENCES_DAYS",
    "Days",
    "LineEstimate",
    "MagnesiumContent",
    "Method",
    "NotUsedUp",
    "Reason",
    "Recommendation",
    "UnlikelyUse",
    "UsageGuide",
    "Use",
    "WrongMethod",
    "days_of_flakes",
    "days_of_oil",
    "default_method",
    "default_refill",
    "estimate",
    "guides_for",
    "is_consumable",
    "lasts_until",
    "magnesium_of",
    "methods_of",
    "usual_use",
]
