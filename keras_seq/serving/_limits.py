"""What a server bears, where nothing else is said."""

MOST_BYTES = 16 * 2**20  # of a body
SECONDS = 60.0  # for an answer
