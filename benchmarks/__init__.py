"""Measure what mprelease adds, beside the same steps by a plain script in the same run.

Absolute times are noise on a shared machine. So whatever is compared is done in turn, round by
round, and most targets hold for a difference or a ratio of medians. Of
releases the fastest rounds are compared: the vendor's tool alone varies by seconds.
"""
