"""The command line: read options, call one function, show the result. The only home of typer and rich."""
