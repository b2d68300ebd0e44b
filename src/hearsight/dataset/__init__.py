"""Media in, a folder of shards out; and the folder read back.

Invariant: the unit of work is one media file and idempotent; a run killed anywhere and started again gives the same bytes.
"""
