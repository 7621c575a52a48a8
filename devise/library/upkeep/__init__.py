"""What keeps a library whole: checks, repairs, export, merge, compaction."""
