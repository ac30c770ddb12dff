"""``tracedmodel gc``: which objects of a store nothing names, and their removal."""
