"""The two endpoints over HTTP: requests, retries, what an answer may be."""
