"""The commands, one file per group; nothing heavy is imported before a command runs."""
