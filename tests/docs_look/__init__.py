"""What a reader of the documentation sees: the built site, and a browser that opens it."""
