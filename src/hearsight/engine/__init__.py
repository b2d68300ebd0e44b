"""Run units of work in local worker processes or on Ray.

Invariant: every unit is answered exactly once, by its result or by the reason why there is none.
"""
