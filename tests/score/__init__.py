"""What the rules are worth, measured. Rule: printed for people to judge; what must hold is a test, too."""
