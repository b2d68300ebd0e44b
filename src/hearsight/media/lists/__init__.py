"""Lists of videos as data sets publish them: a text file in, a stream of entries out.

Invariant: an entry names a video by its id and never by a path; a row that cannot be understood is a
:class:`~hearsight.errors.TableError` with its line. Lists are streamed: no more than a few lines are held.
"""
