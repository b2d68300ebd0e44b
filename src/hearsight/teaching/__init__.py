"""Teaching: a few examples of each class → a head on a frozen network → a checkpoint that tags, embeds, exports and serves.

Start reading at :mod:`hearsight.teaching.teach`.
"""
