"""Listed videos downloaded to a folder: an entry of a list in, a file of our own naming out.

Invariant: nothing of a list's text is a path, a template or a command. Each entry ends as a file, or as a line with the reason
why not; what was finished is not begun again.
"""
