"""The review desk: people look at the candidates of a check, and decide."""
