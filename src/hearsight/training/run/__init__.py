"""A run on disk: what training writes, what resuming restores, and what others read of it.

Invariant: at every moment the folder has a complete checkpoint, or none.
"""
