"""What can be shown afterwards: how fast people were helped, how good the alerts were, what is open now.

Rule: a report is a value computed from recorded events alone, and each of its figures names its episodes.
"""
