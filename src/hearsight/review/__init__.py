"""Review: detections that somebody has judged by ear → precision, thresholds and the number of true calls, class by class.

Start reading at :mod:`hearsight.review.review`.
"""
