"""A smoke test against Stripe itself, with the owner's test key, through the shop's own gateway."""
