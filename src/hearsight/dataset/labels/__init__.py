"""Soft labels in, labels out: the policy, its thresholds and the counts of a whole dataset.

Invariant: works on columns, shard by shard; no clip is a Python object.
"""
