"""The truth of a library: its rows, written whole or not at all."""
