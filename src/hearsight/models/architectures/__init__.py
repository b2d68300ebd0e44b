"""The networks, one file per family: each offers its rows of the zoo as ``NETWORKS``."""
