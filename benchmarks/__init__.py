"""Measure the overhead of mprelease, compared to the same steps by a plain script in the same run.

Absolute times vary on a shared machine. Therefore the compared actions alternate, round by round,
and most targets apply to a difference or a ratio of medians. For releases the fastest rounds are
compared, because the vendor's tool alone varies by seconds.
"""
