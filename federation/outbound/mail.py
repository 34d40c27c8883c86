"""Mail by SMTP (RFC 5321): no sign-in waits for a mail server."""

import smtplib
import ssl
from email.message import EmailMessage
from pathlib import Path

from federation.configuration.smtp import IMPLICIT_TLS, Smtp
from federation.errors import ConfigurationError

DEADLINE = 20.0  # seconds, for each step


def send(smtp: Smtp, ca_bundle: Path | None, *, to: str, subject: str, text: str) -> None:
    """Hand one plain message to the mail server; blocks.

    Args:
        smtp: The server, and how it knows us.
        ca_bundle: PEM file of authorities beside the system's, or None.
        to: One plain address.
        subject: Made one line: a line more would be a header, or refused as one.
        text: The body.

    Raises:
        ConfigurationError: ``person.mail``: it did not take the message.
    """
    message = EmailMessage()
    message["From"], message["To"], message["Subject"] = smtp.from_, to, " ".join(subject.split())
    message.set_content(text)
    trust = ssl.create_default_context()
    try:
        if ca_bundle is not None:
            trust.load_verify_locations(ca_bundle)
        with _connected(smtp, trust) as server:
            if smtp.starttls and smtp.port != IMPLICIT_TLS:
                server.starttls(context=trust)  # raises where it is not offered
            if smtp.user is not None and smtp.password is not None:
                server.login(smtp.user, smtp.password.get_secret_value())
            server.send_message(message)
    except (OSError, smtplib.SMTPException) as error:
        # Not its words: they may repeat what was sent.
        said = type(error).__name__
        if isinstance(error, smtplib.SMTPResponseException):
            said = f"{said}, code {error.smtp_code}"
        raise ConfigurationError(
            "person.mail", f"the mail server {smtp.host}:{smtp.port} did not take the message ({said})"
        ) from None


def _connected(smtp: Smtp, trust: ssl.SSLContext) -> smtplib.SMTP:
    if smtp.port == IMPLICIT_TLS:
        return smtplib.SMTP_SSL(smtp.host, smtp.port, timeout=DEADLINE, context=trust)
    return smtplib.SMTP(smtp.host, smtp.port, timeout=DEADLINE)
