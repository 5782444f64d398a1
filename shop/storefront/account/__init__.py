"""The customer's own pages: signing in, and what belongs to them."""
