"""What the shipped model can and cannot do, against the controls of the literature: `make bench-quality`."""
