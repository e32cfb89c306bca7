"""A village of many residents and weeks, to test rules in: half live in a care home, half in flats.

Rule: what happens is drawn first and hidden; devices report of it as well as they can; the truth is told
from what happened, never from what was sent.
"""
