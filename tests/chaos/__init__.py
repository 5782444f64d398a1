"""`make chaos-payments`: the shop under faults, kills and impatient customers, then an auditor.

    customers ──► web, worker, beat ──► fault proxy ──► devstripe        each one a process of its own
    browsers, dashboard ─────────────────────────────────► devstripe
    devstripe ──► fault proxy ──► web                                    webhooks, as badly as the plan says

The proxy is always our own (`tests.chaos.proxy`): it can lose events for good, forge copies under real ids, and
repeat a 500 for its key, as Stripe does. `PROXY=shared` puts `../shared/stripe/record_proxy.py` in its place,
as a check on ours; it reads the same rules, and delivers at the second try what ours would lose.

The seed fixes each customer's plan, the faults and the kills; how processes interleave is left to the machine.
The kills are SIGKILLs to whole process groups. Stripe's patience is real but for the worker's read timeout,
which is 4 s here instead of 20 s, so that a hang does not take up a third of the run.
"""
