"""The exam: what is asked, and the truth that answers are compared with."""
