"""A generated audio-visual world: real video files of known contents, for the demo, the benchmarks and the tests.

In: numbers. Out: MP4 files, a table of what is in them, and labelled sounds to test a student with. Invariant: the same numbers
give the same bytes, file by file, in any order and on any number of workers; nothing in the name, length, level or background
of a file depends on what is in it.
"""
