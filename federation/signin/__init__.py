"""The story of a sign-in, the same lines for every protocol."""
