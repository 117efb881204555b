"""The pages of the review desk: the queue, a flag, what a partner is asked for, and word that something changed."""
