"""Stripe's wire protocol as a local process, for machines without Stripe keys.

The shop reaches it only through `STRIPE_API_BASE`, over HTTP, and cannot tell the difference. It imports
nothing of the project and nothing but the standard library, and it takes Stripe's published test cards only.
"""
