"""Label an existing dataset again: its clips and sound stay, and other teachers or another policy label them.

Invariant: the sound is never decoded again, and an answer of a teacher that is there already is not computed again.
"""
