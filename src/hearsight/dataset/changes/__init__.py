"""Changes of a finished dataset: sources are added to it, or withdrawn from it.

Invariant: a change is put in place as a whole or not at all, and clips that stay keep their UUID, fold and sound.
"""
