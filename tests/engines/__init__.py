"""Whether other engines answer the README's question from an archive, and read each of its columns, as it says."""
