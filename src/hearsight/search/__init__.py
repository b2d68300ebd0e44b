"""Many recordings at hand: an index of the embeddings of their segments, and the segments that are most like a sound.

Invariant: an index is complete, or it is not there; what a command that was stopped had done is kept next to it.
"""
