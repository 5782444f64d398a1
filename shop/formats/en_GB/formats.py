"""How a date is written wherever nobody says otherwise: as `shop.admin.when` does."""

DATE_FORMAT = "j M Y"
DATETIME_FORMAT = "j M Y, H:i"
TIME_FORMAT = "H:i"
