"""The API's two endpoints over HTTP: requests, retries, limits on answers."""
