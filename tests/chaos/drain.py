"""Run by the campaign in a process of its own, on the shop's settings: staff who repeat the same commands.

`reconcile --all`, `dispatch_due_refills` and `deliver_outbox`, then the clock moves on; until two rounds in a
row find nothing to do, or the rounds are used up. Prints one JSON line.
"""

import argparse
import io
import json
import sys

import django
from django.core.management import call_command

ROUNDS = 24
# in every round backoffs end, and unpaid orders come nearer to their expiry
STEP_MINUTES = 25
# later keys grow older than a day, and refills that were announced late come due
LONG_STEP_FROM = 5
LONG_STEP_MINUTES = 20 * 60
COMMANDS = {
    "reconcile": {"all": True},
    "dispatch_due_refills": {"limit": 500},
    "deliver_outbox": {},
}


def main() -> None:
    """Drain, and say in how many rounds, and whether it became quiet."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    rounds, calm, said = parser.parse_args().rounds, 0, ""
    django.setup()
    for number in range(1, rounds + 1):
        said = " ".join(_run(name, **options) for name, options in COMMANDS.items())
        print(f"round {number}: {said}", file=sys.stderr)
        calm = calm + 1 if not any(character in "123456789" for character in said) else 0
        if calm >= 2 and number > LONG_STEP_FROM + 3:
            break
        _run("move_clock", minutes=STEP_MINUTES if number < LONG_STEP_FROM else LONG_STEP_MINUTES)
    print(json.dumps({"rounds": number, "is_quiet": calm >= 2, "said": said}))


def _run(name: str, **options: object) -> str:
    words = io.StringIO()
    call_command(name, stdout=words, **options)
    return words.getvalue().strip()


if __name__ == "__main__":
    main()
