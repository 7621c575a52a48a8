"""Figures as pictures: SVG, which needs no library, has text in any script, and stands in a page as it is."""
