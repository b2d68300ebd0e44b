"""Training a network on a dataset: a dataset in, a run folder with a checkpoint out.

Invariant: a run that was interrupted and continued has the losses and weights of an uninterrupted one; every random draw, dropout
included, is keyed by the seed and its position in the run.
"""
