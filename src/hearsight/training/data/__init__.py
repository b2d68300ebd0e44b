"""What the network is trained on: clips of a dataset in, batches of waveforms and targets out.

Invariant: which clips, segments and targets a batch has depends on the seed and the position in the run alone.
"""
