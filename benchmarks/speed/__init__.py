"""Jobs whose speed is measured: each module says what is ours, the peer, the floor and the unit."""
