"""The index of a dataset: what training reads of each clip, as memory-mapped arrays next to the tables.

Invariant: the index is derived from the tables, and can be removed and derived again at any time. A dataset without one, such as
one of an earlier version, is read from its tables.
"""
