"""Beside the door for HTTP (``fetch``): where we may connect to, what DNS says, and mail."""
