"""Real sockets, threads and processes, while everything around the library breaks (`make chaos`)."""
