"""The torch side that exporter and server share: backends, padding, golden checks."""
