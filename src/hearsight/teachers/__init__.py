"""Images and sounds in, class probabilities out; and the policy that turns probabilities into labels.

Invariant: a teacher is a pure function of its input, its file and its seed. Soft labels keep everything that a policy needs.
"""
