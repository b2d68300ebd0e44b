"""From what a user names to the media that a build works on: paths, lists, media that are here already, shares.

Invariant: what is named and is not used is counted and listed; nothing is dropped silently.
"""
