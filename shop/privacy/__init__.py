"""What a person may ask of the data about them, a copy and its end; and how long data is kept at all."""
