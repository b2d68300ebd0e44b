"""Trained networks as ONNX files: a graph that an exporter can follow, its calibration to 8 bits, and the check of the result.

Invariant: a file is kept only if it returns what :class:`~hearsight.listening.listener.Listener` returns.
"""
