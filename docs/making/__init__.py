"""What the documentation site adds to Sphinx: pages made from laws, data sets, commands and public names."""
