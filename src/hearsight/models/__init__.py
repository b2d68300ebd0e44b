"""Waveforms in, logits and embeddings out; one file per family of networks.

Invariant: a model owns its front end, so that training, listening and export cannot disagree.
"""
