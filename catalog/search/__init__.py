"""Search over products as shoppers type it: typos, plurals, sizes, SKUs and everyday names."""

from catalog.search.finding import MAX_LENGTH, Understood, matching, understand

# What to try when nothing fits.
SUGGESTIONS = ("bath flakes", "magnesium oil", "foot soak", "unscented", "refill")

__all__ = ["MAX_LENGTH", "SUGGESTIONS", "Understood", "matching", "understand"]
