"""The operator: from TracedModels to Jobs and Deployments."""
