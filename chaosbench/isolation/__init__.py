"""A forecaster in a process of its own, which never holds the truth."""
