"""Reports on refills: what they are worth, who comes and goes, and what they will take from the shelves."""
