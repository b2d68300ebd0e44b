"""Rows of features in, what was learnt from them out: small classical learners, the arithmetic of which is scikit-learn's.

Only this room imports scikit-learn.

Invariant: every fit runs on one thread of every numerical library and draws from its seed alone, so that it gives the same bits
run after run, whatever the machine's number of cores.
"""
