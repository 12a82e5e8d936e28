"""The servers that hold what can be watched, and what each last showed us."""
