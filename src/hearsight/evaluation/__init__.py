"""A checkpoint and a benchmark in, scores with folds and intervals out.

Invariant: only official folds are scored, and what is fitted for a fold uses no data of it.
"""
