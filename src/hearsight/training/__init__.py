"""Training a network on a dataset: a dataset in, a run folder with a checkpoint out.

Invariant: a run that is interrupted and goes on ends with the losses and weights of one that is not; every random draw, dropout
included, is keyed by the seed and its position in the run.
"""
