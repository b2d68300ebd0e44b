"""Records and arrays in, Matplotlib figures out.

Invariant: a figure is drawn from what was measured, never from what was expected.
"""
