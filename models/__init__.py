"""Images and templates in, embeddings and calibrated scores out: no network, no database, no policy."""
