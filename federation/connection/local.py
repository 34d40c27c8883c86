"""A connection to ourselves: people whom an operator made, and who sign in with a password."""

from typing import Literal

from federation.connection.common import Configured


class LocalConnection(Configured):
    """Local accounts; nobody has one but by ``federation local add``."""

    protocol: Literal["local"]
