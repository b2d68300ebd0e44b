"""The papers' tables as printed, with our counts and measurements next to them.

Invariant: every number of ours is counted from a network as built or was recorded by an evaluation; none is estimated.
"""
