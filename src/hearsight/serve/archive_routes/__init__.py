"""The routes of what a server does with the many recordings behind it: index and search, review, teaching."""
