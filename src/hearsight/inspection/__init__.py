"""A dataset in, what a person needs to trust it out: statistics, the quality of its labels, and its clips to look at and listen to.

Invariant: a page holds everything that it shows, and the number of clips on it is bounded.
"""
