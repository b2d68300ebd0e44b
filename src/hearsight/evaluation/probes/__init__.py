"""Features and labels of the training folds in; scores of the held-out clips out.

Invariant: what is fitted for a fold uses no data of it: no clip, no statistic, no choice.
"""
