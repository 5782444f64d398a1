"""Bars of coming needs as inline SVG: nothing is loaded, and what colour says is also said in words."""

from dataclasses import dataclass

from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from shop.admin import on_day
from shop.backoffice.refills.demand import WEEKS, Need

WIDTH, HEIGHT, BASE, TOP = 320, 132, 104, 18
STEP, BAR = WIDTH / WEEKS, 28
# Seen on white and on the theme's dark ground.
COVERED, SHORT = "#0d9488", "#dc2626"


@dataclass(frozen=True, slots=True)
class Bar:
    x: float
    label_x: float
    total: int
    covered_y: float
    covered_height: float
    short_y: float
    short_height: float
    label_y: float


def chart(need: Need) -> SafeString:
    """Draw the need of one SKU: a bar a week, the part that the stock does not meet hatched and red."""
    name = f"need-{need.variant.pk}"
    return format_html(
        '<svg viewBox="0 0 {} {}" role="img" aria-labelledby="{}-t {}-d" width="100%" '
        'xmlns="http://www.w3.org/2000/svg"><title id="{}-t">{}</title><desc id="{}-d">{}</desc>'
        '<defs><pattern id="{}-p" width="6" height="6" patternUnits="userSpaceOnUse" '
        'patternTransform="rotate(45)"><rect width="6" height="6" fill="{}"/>'
        '<line x1="0" y1="0" x2="0" y2="6" stroke="#ffffff" stroke-width="2"/></pattern></defs>'
        '{}{}<line x1="0" y1="{}" x2="{}" y2="{}" stroke="currentColor" stroke-width="1"/></svg>',
        WIDTH, HEIGHT, name, name, name, f"Coming need of {need.variant.sku}", name, in_words(need),
        name, SHORT, _bars(need, name), _lead_time(need), BASE, WIDTH, BASE,
    )  # fmt: skip


def in_words(need: Need) -> str:
    """Return what the chart shows, for who cannot see it."""
    weeks = ", ".join(f"week {number}: {units}" for number, units in enumerate(need.weeks, 1))
    out = f"The stock is too small from {on_day(need.out_on)} on." if need.out_on else "The stock lasts."
    return f"{need.available} available. Units needed by {weeks}. {out}"


def _bars(need: Need, name: str) -> SafeString:
    most = max(need.weeks) or 1
    drawn = [_bar(week, need, most) for week in range(WEEKS)]
    return format_html_join(
        "",
        '<rect x="{}" y="{}" width="{}" height="{}" fill="{}"/>'
        '<rect x="{}" y="{}" width="{}" height="{}" fill="url(#{}-p)"/>'
        '<text x="{}" y="{}" text-anchor="middle" font-size="11" fill="currentColor">{}</text>'
        '<text x="{}" y="{}" text-anchor="middle" font-size="10" fill="currentColor">{}</text>',
        (
            (
                bar.x, bar.covered_y, BAR, bar.covered_height, COVERED,
                bar.x, bar.short_y, BAR, bar.short_height, name,
                bar.label_x, bar.label_y, bar.total or "",
                bar.label_x, BASE + 14, f"wk {number}",
            )
            for number, bar in enumerate(drawn, 1)
        ),
    )  # fmt: skip


def _bar(week: int, need: Need, most: int) -> Bar:
    scale = (BASE - TOP) / most
    covered, total = need.covered[week] * scale, need.weeks[week] * scale
    x = week * STEP + (STEP - BAR) / 2
    return Bar(
        x=round(x, 1),
        label_x=round(x + BAR / 2, 1),
        total=need.weeks[week],
        covered_y=round(BASE - covered, 1),
        covered_height=round(covered, 1),
        short_y=round(BASE - total, 1),
        short_height=round(total - covered, 1),
        label_y=round(BASE - total - 4, 1),
    )


def _lead_time(need: Need) -> SafeString | str:
    """A dashed line where stock that is ordered today arrives."""
    days = need.variant.lead_time_days
    if not 0 < days < WEEKS * 7:
        return ""
    x = round(days / 7 * STEP, 1)
    return format_html(
        '<line x1="{}" y1="{}" x2="{}" y2="{}" stroke="currentColor" stroke-width="1.5" '
        'stroke-dasharray="4 3"/>',
        x, TOP - 10, x, BASE,
    )  # fmt: skip
