"""Run the demo: exit 0 only if every fact holds in the database and in Stripe's ledger."""

import sys

from tests.demo import books, browser, warehouse
from tests.demo.journey import Journey
from tests.demo.stage import FactMissing, Stage


def main() -> int:
    stage = Stage.from_environment()
    journey = Journey(stage)
    try:
        strangers = books.strangers(stage)
        journey.look_around()
        journey.fill_cart()
        journey.order_and_pay()
        journey.settle()
        warehouse.send_parcel(journey)
        journey.come_back()
        journey.read()
        browser.buy(stage)
        books.balance(stage, strangers)
    except FactMissing as missing:
        print(f"\nNOT SO: {missing}", file=sys.stderr)
        return 1
    print(f"\nAll {stage.steps} steps hold.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
