"""The command line: it parses, calls the same functions as a notebook does, and prints; it holds no statistics."""

from bayescale.cli.app import main as main
