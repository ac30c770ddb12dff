"""The pages of the documentation, and what has to be true of each block of code in them."""
