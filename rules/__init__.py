"""What observations mean: pure decisions over one subject's observations and the clock.

Rule of this package: no I/O; time is an input; one subject's state never depends on another's.
"""
