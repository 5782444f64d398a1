"""Which amounts and currencies Stripe takes. Source: https://docs.stripe.com/currencies"""

from __future__ import annotations

from . import errors

MAXIMUM = 99_999_999
DEFAULT_MINIMUM = 50
MINIMUM = {
    "usd": 50, "aed": 200, "aud": 50, "bgn": 100, "brl": 50, "cad": 50, "chf": 50, "czk": 1500, "dkk": 250,
    "eur": 50, "gbp": 30, "hkd": 400, "huf": 17500, "inr": 50, "jpy": 50, "mxn": 1000, "myr": 200, "nok": 300,
    "nzd": 50, "pln": 200, "ron": 200, "sek": 300, "sgd": 50, "thb": 1000,
}  # fmt: skip
OTHERS = frozenset(
    [
        "afn",
        "all",
        "amd",
        "ang",
        "aoa",
        "ars",
        "awg",
        "azn",
        "bam",
        "bbd",
        "bdt",
        "bif",
        "bmd",
        "bnd",
        "bob",
        "bsd",
        "bwp",
        "byn",
        "bzd",
        "cdf",
        "clp",
        "cny",
        "cop",
        "crc",
        "cve",
        "djf",
        "dop",
        "dzd",
        "egp",
        "etb",
        "fjd",
        "fkp",
        "gel",
        "gip",
        "gmd",
        "gnf",
        "gtq",
        "gyd",
        "hnl",
        "htg",
        "idr",
        "ils",
        "isk",
        "jmd",
        "kes",
        "kgs",
        "khr",
        "kmf",
        "krw",
        "kyd",
        "kzt",
        "lak",
        "lbp",
        "lkr",
        "lrd",
        "lsl",
        "mad",
        "mdl",
        "mga",
        "mkd",
        "mmk",
        "mnt",
        "mop",
        "mur",
        "mvr",
        "mwk",
        "mzn",
        "nad",
        "ngn",
        "nio",
        "npr",
        "pab",
        "pen",
        "pgk",
        "php",
        "pkr",
        "pyg",
        "qar",
        "rsd",
        "rub",
        "rwf",
        "sar",
        "sbd",
        "scr",
        "shp",
        "sle",
        "sos",
        "srd",
        "std",
        "szl",
        "tjs",
        "top",
        "try",
        "ttd",
        "twd",
        "tzs",
        "uah",
        "ugx",
        "uyu",
        "uzs",
        "vnd",
        "vuv",
        "wst",
        "xaf",
        "xcd",
        "xof",
        "xpf",
        "yer",
        "zar",
        "zmw",
        "bhd",
        "jod",
        "kwd",
        "omr",
        "tnd",
    ]
)
THREE_DECIMALS = frozenset({"bhd", "jod", "kwd", "omr", "tnd"})
FEE_RATE_PER_10_000 = 150
FEE_FIXED = 20


def currency(given: str) -> str:
    """Return the currency in lower case.

    :raises ApiError: 400 for one Stripe does not take.
    """
    name = given.lower()
    if name not in MINIMUM and name not in OTHERS:
        known = ", ".join(sorted({*MINIMUM, *OTHERS}))
        raise errors.bad_parameter(
            "currency", f"Invalid currency: {given}. Stripe currently supports these currencies: {known}"
        )
    return name


def check_charge(amount: int, currency: str) -> None:
    """Refuse amounts (minor units) Stripe does not charge.

    :raises ApiError: 400 amount_too_small, amount_too_large or parameter_invalid_integer.
    """
    if amount < 1:
        text = "This value must be greater than or equal to 1."
        raise errors.bad_parameter("amount", text, "parameter_invalid_integer")
    minimum = MINIMUM.get(currency, DEFAULT_MINIMUM)
    if amount < minimum:
        text = f"Amount must be at least {minimum} {currency}, in minor units"
        raise errors.bad_parameter("amount", text, "amount_too_small")
    if amount > MAXIMUM:
        text = f"Amount must be no more than {MAXIMUM} {currency}, in minor units"
        raise errors.bad_parameter("amount", text, "amount_too_large")
    if currency in THREE_DECIMALS and amount % 10:
        raise errors.bad_parameter("amount", "The last digit of a three-decimal amount must be 0.")


def fee(amount: int) -> int:
    """Return the fee on a charge, in minor units, rounded half up: 1.5 % and 20."""
    return (amount * FEE_RATE_PER_10_000 + 5_000) // 10_000 + FEE_FIXED
