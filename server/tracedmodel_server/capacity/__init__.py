"""How many instances a model needs for its traffic: the server's own batching, simulated."""
