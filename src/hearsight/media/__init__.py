"""Where videos come from and how they are opened: paths in, media, decoded sound and pictures out.

Invariant: one pass over a media file; every failure is a :class:`~hearsight.errors.MediaError` with its reason.
"""
