"""What a law is, the families that laws are made from, and the catalogue of those that ship."""
