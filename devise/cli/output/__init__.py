"""What the command line prints, and the files it may write."""
