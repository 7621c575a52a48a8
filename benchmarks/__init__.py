"""Every figure we publish, each one command."""
