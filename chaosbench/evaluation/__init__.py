"""Running forecasters on tasks, in isolation, and keeping what happened."""
