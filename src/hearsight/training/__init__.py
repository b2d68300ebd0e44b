"""A dataset in, a checkpoint out.

Invariant: an interrupted and resumed run has the losses of an uninterrupted one; every draw is keyed by seed, epoch and step.
"""
