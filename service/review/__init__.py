"""The review desk: what people see of a flag, what they say of it, and what follows. Pages and API are built on it."""
