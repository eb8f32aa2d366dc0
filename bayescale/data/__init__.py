"""Tables as people have them become runs."""
