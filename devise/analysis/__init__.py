"""What is said of many rows together: how good a ranking is."""
