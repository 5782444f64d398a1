"""The benchmark of refills in small: what it writes, plans and claims comes out even. Times are not looked at."""

import pytest

from tests.bench import refill_rows, refills
from tests.bench.refill_crew import Done, Job, do, together
from tests.bench.refills import Figures


def _here(job: Job, workers: int) -> Done:
    return together([do(job) for _ in range(workers)])


@pytest.mark.django_db(transaction=True)
def test_a_small_benchmark_plans_and_claims_each_parcel_once(capsys: pytest.CaptureFixture[str]) -> None:
    refills.seed(1_100, 220)
    due, found = refill_rows.parcels_due(), Figures(1_100)

    refills.measure(found, _here, workers=1, rounds=2, with_ticks=True)

    assert found.faults == []
    assert found.one_planner
    assert found.planned
    assert found.one_planner.refills + found.planned.refills == due == 200
    printed = capsys.readouterr().out
    for words in (
        "orders_billing_cycle",
        "foresight.remind_of_terms",
        "EXPLAIN ANALYZE of what CLAIM finds",
    ):
        assert words in printed
