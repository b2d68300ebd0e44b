"""Pure signal mathematics: waveforms in, waveforms and log-mel matrices out.

Invariant: no files, no network, no state but what a caller holds; NumPy arrays in and out.
"""
