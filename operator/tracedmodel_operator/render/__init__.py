"""Pure functions from a resource to its children, one kind a module."""
