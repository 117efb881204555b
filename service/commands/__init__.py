"""The commands of the `crosscheck` command line, one file a noun."""
