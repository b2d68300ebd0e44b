"""A trained model behind HTTP: a page that shows what is in a recording, and the same answers for programs.

Invariant: names that a client sends are only ever shown, never used as paths; an upload is removed when its request ends, or when
the page that asked for it is done with it.
"""
