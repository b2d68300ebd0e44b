"""A dataset in, a dataset of mixtures out.

Invariant: which sounds a mixture has, and at which levels, depends on the seed and its number only.
"""
