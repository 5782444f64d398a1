"""Who changed what and when: prices, products, roles. Written by triggers, so nothing goes round it."""
