"""Falls seen in an accelerometer: impacts, features of an impact, models that judge them.

Rule: pure and orientation-free: the same samples give the same verdict, however they were worn or cut.
"""

RATE_HZ = 50
"""The one rate at which samples are looked at."""
