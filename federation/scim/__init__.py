"""SCIM 2.0, the pure half: what requests mean, what resources look like, which questions an index answers."""
