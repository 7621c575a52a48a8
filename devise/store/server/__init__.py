"""The truth of a library in PostgreSQL, and an index of its vectors in Milvus (docs/scale.md)."""
