"""The store in one SQLite file. The only home of sqlite3."""
