"""Features and labels of the training folds in; scores of the held-out clips out.

Invariant: nothing of a scored fold reaches what is fitted for it: no clip, no statistic, no choice.
"""
