"""The commands, one file a group; thin, and nothing heavy is imported before one runs."""
