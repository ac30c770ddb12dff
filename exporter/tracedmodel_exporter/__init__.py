"""The exporter: from a request to verified graphs in the store."""
