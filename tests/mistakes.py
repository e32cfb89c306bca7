"""A rule file with ten different mistakes, and on which lines they are."""

TEN_MISTAKES = """colour = "red"
[[rule]]
id = "Night Round"
kind = "missed_check"
check = "visit"
every = "two hours"
[[rule]]
id = "sos"
kind = "sos"
enabled = false
[[rule]]
id = "a"
kind = "nonsense"
[[rule]]
id = "b"
kind = "missed_check"
check = "sos"
by = "25:00"
[rule.resident.nobody]
by = "09:00"
[rule.care_level.9]
by = "09:00"
[[rule]]
id = "b"
kind = "fall"
"""

WRONG_LINES = [1, 3, 6, 10, 13, 17, 18, 19, 21, 24]
