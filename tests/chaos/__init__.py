"""`make chaos-payments`: the shop under faults, kills and impatient customers, then an auditor."""
