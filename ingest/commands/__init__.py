"""The command line. Rule: exit 0 on success, 1 on failure, 2 on wrong usage or configuration; no traceback.

Commands read, wire and print; what they say to people goes to stderr, what programs read to stdout.
"""
