"""A model for others: a card that says what it is and is not, one file with all that it needs, and that file read."""
