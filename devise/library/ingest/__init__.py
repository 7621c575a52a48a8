"""One run of indexing: plan, read ahead, encode, store."""
