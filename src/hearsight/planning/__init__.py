"""What a large dataset would take: time, disk and cost of each stage, from rates that a short probe measures on this machine.

Invariant: every rate is measured, given by the user, or absent; none is a guess.
"""
