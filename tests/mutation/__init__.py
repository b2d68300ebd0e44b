"""Mutation testing of the pure modules: small changes of the code that at least one test has to notice.

``make mutation`` changes one expression at a time and runs the tests of its module. A change that no test notices is printed: it
is a missing test, or a change without an effect.
"""
