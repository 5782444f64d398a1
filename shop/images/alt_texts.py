"""What an alt text may say: what is seen. Readers and search engines meet it without a review."""

from shop.claims import checker
from shop.claims.checker import Finding

REFUSED = ("block", "review")


def refused(alt: str) -> list[Finding]:
    """Return what speaks against an alt text: it has no claim to be signed off."""
    return [finding for finding in checker.check_text(alt) if finding.severity in REFUSED]
