"""How often random tests are repeated: a little in `make test`, as often as promised in `make prove-orders`."""

import os

IS_FULL = os.environ.get("PROVE") == "1"


def times(quick: int, full: int) -> int:
    """Return how many examples or races to run."""
    return full if IS_FULL else quick
