"""What partners share, and the rules under which they share it."""
