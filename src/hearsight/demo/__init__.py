"""Nothing in, the whole loop on a generated world out: videos, dataset, checkpoint, scores, a page.

Invariant: the demo calls the same public functions that a user calls.
"""
