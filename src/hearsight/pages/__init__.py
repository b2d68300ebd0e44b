"""HTML in one file: pictures, sounds and tables in, a page out that needs no network.

Invariant: text from outside is escaped, and a page's own policy forbids it to load anything.
"""
