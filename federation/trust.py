"""One connection's trust material, shared by all nodes through the store."""
