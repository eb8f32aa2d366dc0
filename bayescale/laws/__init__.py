"""Laws: the class, common parts of families of laws, and the catalogue of shipped laws."""
