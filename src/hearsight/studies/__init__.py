"""Studies: a grid of datasets, recipes, networks and seeds, trained and scored under one protocol.

:func:`~hearsight.studies.run.run_study` takes a study file to a report with intervals and paired differences.
"""
