"""Garbage, led by coverage: `make fuzz`. What it finds is a seed for ever after (seeds/found)."""
