"""A run, a dataset, a benchmark or a file in, a figure's file out: what each figure is drawn from is collected here.

Invariant: everything is measured on what was given; a figure's file appears whole or not at all.
"""
