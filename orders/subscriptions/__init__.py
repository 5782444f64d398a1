"""Refills: PLAN → CLAIM → RESERVE → INTENT → ATTEMPT → APPLY, each step and each wait is a row."""
