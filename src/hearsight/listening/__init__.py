"""A trained model at work: audio and video files in, tags and embeddings out.

Invariant: no sound is dropped; what is shorter than a segment is padded, and marked as padded.
"""
