"""The server: connections that hold to their time, and an end that nobody notices."""
