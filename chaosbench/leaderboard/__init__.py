"""The leaderboard: a pure function of Records."""
