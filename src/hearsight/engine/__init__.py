"""Units of work in, their results out, in this process, in local processes, or on Ray.

Invariant: every unit is answered exactly once, by a result or by the reason why there is none, whatever dies on the way.
"""
