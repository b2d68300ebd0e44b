"""Published weights: a file that others wrote in, a checkpoint folder out.

Invariant: nothing in a file is executed or imported, and no weight is guessed: what is missing, left over or ill-shaped is refused.
"""
