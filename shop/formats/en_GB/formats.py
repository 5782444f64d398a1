"""How a date is written wherever nobody says otherwise: as `shop.admin.when` does."""

DATE_FORMAT = "j M Y"
DATETIME_FORMAT = "j M Y, H:i T"
TIME_FORMAT = "H:i"
