"""What several kinds of test share.

A file makes or starts one kind of thing, such as media, datasets or servers. The list is flat although it is long: whoever writes a
test looks for a thing by its name, and the files have no order among themselves.
"""
