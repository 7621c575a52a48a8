"""What libraries on servers are measured with (docs/scale.md)."""
