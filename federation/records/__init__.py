"""What is kept of every attempt to sign in, read again, shown, and asked what other rules had made of it."""
