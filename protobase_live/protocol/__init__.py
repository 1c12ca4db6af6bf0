"""Wire formats as pure functions of bytes: no sockets, clocks or randomness."""
