"""Training in several processes: each computes some parts of every step, and all have the same weights.

Invariant: what is trained depends on the parts of a step, not on the number of processes that compute them.
"""
