"""Finished units of work on disk: rows gathered in packs, and journals that say which units they are of.

Invariant: a unit is finished exactly when its journal line is whole. A process killed at any moment loses at most the unit that it
was working on.
"""
