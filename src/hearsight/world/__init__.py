"""A generated audio-visual world: real video files of known contents, for the demo, the benchmarks and the tests.

In: numbers. Out: MP4 files, a table of what is in them, and labelled sounds to test a student with. Invariant: the same numbers
give the same bytes, file by file, in any order and on any number of workers; no file says in its name, length, level or
background what is in it.
"""
