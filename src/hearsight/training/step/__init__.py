"""One training step: a batch in, changed weights and a loss out.

Invariant: a step draws its random numbers from the seed and its position in the run.
"""
