"""Scores and targets in, figures of merit out: how well the order of the scores fits the truth, and how sure that is.

Scores may be probabilities, logits or anything else that rises with belief; only their order counts, except for F1. A clip is a
row, a class is a column. Targets are booleans, or ``numpy.packbits`` of them along the classes; both may lie in a file that is
mapped.

Invariant: exact with ties, in bounded memory, the same whatever the blocks and threads; what is undefined is NaN, never zero.
"""
