"""Published models as teachers, one file per runtime: a model file or repository in, a teacher out.

Invariant: a model file is checked before it runs, and no code that comes with it is executed.
"""
