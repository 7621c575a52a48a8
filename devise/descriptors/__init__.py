"""Descriptors: from pixels to rows of a space, each with its own preprocessing."""
