"""Months in the life of refills, played through the real verbs and sweeps against devstripe: see `manage.py
simulate_refills`. Nothing here writes a row by itself; production settings refuse it.
"""
