"""How a network is trained: one loop, from labels alone, under a teacher or with a peer, on any device."""
