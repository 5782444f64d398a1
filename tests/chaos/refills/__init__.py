"""`make chaos-refills`: due refills under faults, kills, cut connections and an emptied Redis, then an auditor.

    worker, beat, web ──► fault proxy ──► devstripe        each a process of its own, as in `tests.chaos`
    worker ──► a mail server that counts what it took, and can be killed into

Customers check out, and their refills are planned and announced, by the shop's own verbs. Then the clock moves
through the two hours of the morning in which they fall due. The seed fixes the faults, by the number of the
request that they strike, and the moments of kills: inside calls to Stripe (the request held on its way there,
so that it arrives when its worker is dead, or the answer held on its way back), inside a mail's delivery, or by
the second. How processes interleave is left to the machine.

`FLUSHDB`, not `FLUSHALL`, empties Redis: whoever lends the servers may have other databases there.
"""
