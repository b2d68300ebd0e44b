"""Pictures and sounds in, probabilities of classes out; and the policy that makes labels of them.

Invariant: a teacher is a pure function of its input, its file and its seed; soft labels keep what every policy needs.
"""
