"""Models and clips in; one or more vectors of features per clip out, cached by content.

Invariant: what a clip's features are depends on the clip and the model alone, never on labels, folds or other clips.
"""
