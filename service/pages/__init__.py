"""Pages for people: server-rendered, with sessions and never with tokens."""
