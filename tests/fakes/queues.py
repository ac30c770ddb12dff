"""What a test takes from a work queue."""


async def taken(queue):
    """Return what a worker gets without waiting."""
    keys = []
    while queue.depth:
        keys.append(await queue.get())
    return keys
