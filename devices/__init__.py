"""What a device can say: messages in, observations out.

Rule of this package: no I/O, no clock, no randomness, no state. Bytes and times are arguments; what the
world gets wrong comes back as a value (`Rejected`), never as an exception.

The way: `devices.decode.decode` (message to readings), then `devices.normalise.normalise` (readings to
observations of somebody); `devices.metrics` is the vocabulary, `devices.registry` who is who.
"""
