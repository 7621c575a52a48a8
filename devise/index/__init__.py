"""Nearest rows of one space: exact scans, projections and graphs. Knows vectors and nothing of photos."""
