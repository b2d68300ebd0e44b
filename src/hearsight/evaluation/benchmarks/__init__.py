"""A folder or table of sounds in; clips with labels, folds and splits out.

Invariant: official data is scored by its official folds, and whatever departs from them is noted.
"""
