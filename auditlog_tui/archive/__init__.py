"""An archive of entries as Parquet files by day, which other engines read as they are."""
