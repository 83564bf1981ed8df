"""The leaderboard: a pure function of stored scores."""
