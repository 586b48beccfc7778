"""Memories: the training data are searched for states like the present one."""
