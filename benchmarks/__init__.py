"""Measurements: each module is one, printed as ratios in one run against a named reference."""
