"""The outside world: residents, staff and devices that speak MQTT as real ones do.

Rule: encodes payloads from the vendors documents; shares the vocabulary with the service, never a decoder.
"""
