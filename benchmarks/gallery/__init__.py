"""One figure for each thing that can be painted, and the numbers behind it; see `__main__`."""
