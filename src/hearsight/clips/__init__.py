"""From media to clips of 3 to 5 s, or the reason why there is none.

Invariant: every span of a media file becomes a clip or a rejection, none is lost, none comes twice.
"""
