"""A checkpoint and a benchmark in, scores with folds and intervals out.

Invariant: the official folds and nothing else; nothing of a test fold reaches what is fitted for it.
"""
