"""A finished dataset's tables in, statistics of its labels out: counts, agreement of picture and sound, quality.

Invariant: memory grows with the classes and the pairs of classes, never with the clips. Every source counts once, however long it
is.
"""
