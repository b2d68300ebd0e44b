"""Media in; 3 to 5 s clips, or the reason why there is none, out.

Invariant: every span of a media file becomes a clip or a rejection, none is lost, none comes twice.
"""
