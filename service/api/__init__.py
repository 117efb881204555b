"""One thin router per kind of user."""
