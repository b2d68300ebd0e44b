"""From the probabilities of segments to events, and the files that events are written to and read from.

Invariant: every format holds the same events, and what a recording holds does not depend on how it was read.
"""
