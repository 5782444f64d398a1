"""Pages where customers look after their refills: by a signed link from a mail, or from their account."""
