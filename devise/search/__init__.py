"""From a query to matches: candidates from an index, scored exactly from the store."""
