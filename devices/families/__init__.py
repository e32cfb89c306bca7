"""One small file per family of devices: it knows the family's envelope and words, nothing else.

Rule: a family offers `claims(topic)` and `decode(message, known)` (see `devices.decode`); both are total.
"""
