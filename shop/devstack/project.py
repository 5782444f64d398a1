"""Where the project lies, and how the supervisor speaks to the person who started it."""

from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
LOCAL = ROOT / ".local"
LOGS = LOCAL / "log"


class StackError(Exception):
    """Something the person at the keyboard has to know or do, told in one sentence."""


def say(message: str) -> None:
    """Print a line at once: the output may be a pipe, and children write to it too."""
    print(message, flush=True)
