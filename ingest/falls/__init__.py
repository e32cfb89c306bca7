"""Recorded falls: read, played through the real path, measured, drawn; and models trained on them."""
