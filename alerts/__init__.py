"""Who must know, until when: episodes, what was done about them, and what to say to whom.

Rule of this package: the decisions are pure; sending and storing are the shell's (`ingest`).
"""
