"""What goes on by itself in the background, between the requests."""
