"""Media that are no files of this machine: objects at addresses, and members of tar archives.

Invariant: the bytes decide what a media file is. A member of a tar or an object of a store has the UUID, the clips and the checks
that the same file has on the local disk.
"""
