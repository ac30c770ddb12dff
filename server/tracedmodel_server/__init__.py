"""The server: from an artifact to answers."""
