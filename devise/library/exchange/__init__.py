"""Vectors of photos for other tools, and vectors that other tools made as a space of a library."""
