"""What `federation init` leaves behind: a commented settings file and our keys. Never overwrites."""

from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from urllib.parse import urlsplit

from federation import files, keys
from federation.configuration.scalars import parse_origin
from federation.errors import ConfigurationError

TEMPLATE = """\
# Settings of federation; every key: docs/settings.md. Relative paths start at this file's directory.
# Environment over this file: FEDERATION__CONNECTIONS__OKTA__CLIENT_ID=…
# Check it with `federation config check`, and the whole installation with `federation doctor`.

base_url: {base_url}                # public origin; every URL of ours is derived from it
development: {development}                 # true: http on loopback is allowed, for trying things out
database_url: sqlite:///var/federation.db  # or postgresql://user@host/name
encryption_keys: [{{file: certs/secrets.key}}] # the first encrypts what we keep, all decrypt
session: {{idle: 8h, absolute: 24h}}
trusted_proxies: []                # networks of your proxies; X-Forwarded-For is read from these alone

organizations:
  acme: {{name: Acme, default_roles: [member]}}

connections:
  # One entry for each identity provider. Its id stands in its URLs: choose it once.
  #
  # SAML: give the provider {base_url}/saml/adfs/metadata
  # adfs:
  #   protocol: saml
  #   preset: adfs                     # adfs auth0 cognito entra gitlab google keycloak okta onelogin …
  #   organization: acme
  #   display_name: Acme ADFS
  #   domains: [acme.example]          # e-mail domains that may enter
  #   metadata: {{file: metadata/idp/adfs.xml}}   # or {{url: https://…}}
  #   role_rules:                      # the first that matches counts
  #     - {{name: admins, groups: [Domain Admins, "ops-*"], roles: [admin]}}
  #     - {{name: finance, attribute: {{name: department, in: [Finance]}}, roles: [auditor]}}
  #
  # OpenID Connect: register {base_url}/oidc/okta/callback as redirect URI; for a portal's
  # tile {base_url}/oidc/initiate?provider=okta; for signing out {base_url}/logout
  # okta:
  #   protocol: oidc
  #   preset: okta
  #   organization: acme
  #   domains: [acme.example]
  #   issuer: https://acme.okta.com
  #   client_id: 0oa1example
  #   client_secret: {{env: OKTA_CLIENT_SECRET}}  # or {{file: …}}
  #   scopes: [openid, profile, email, groups]
  #   scim: {{}}                         # its directory provisions people here: docs/scim.md
  #
  # OAuth 2.0: register {base_url}/oidc/github/callback as callback URL
  # github:
  #   protocol: oauth2
  #   preset: github                   # groups are organizations and their teams
  #   organization: acme
  #   domains: [acme.example]
  #   client_id: Ov23liExample
  #   client_secret: {{env: GITHUB_CLIENT_SECRET}}
"""


def write(config: Path, base_url: str, *, now: datetime) -> Iterator[tuple[Path, bool]]:
    """Make what is missing, and yield each file with whether it was made.

    Args:
        config: The settings file; the rest goes beside it.
        base_url: Public origin; http makes the settings a development's.
        now: Start of our certificate's life.

    Raises:
        ConfigurationError: ``keys.*``; ``settings.base_url``: it is no origin.
    """
    try:
        parse_origin(base_url, development=True)
    except ValueError as fault:
        raise ConfigurationError("settings.base_url", f"--base-url: {fault}") from None
    development = "true" if base_url.startswith("http:") else "false"
    text = TEMPLATE.format(base_url=base_url, development=development)
    here = config.absolute().parent
    yield config, files.create_file(config, text.encode())
    certs = here / "certs"
    made = keys.generate_key_pair(
        certs / "sp.key", certs / "sp.crt", name=urlsplit(base_url).hostname or "federation", now=now
    )
    yield certs / "sp.key", made
    yield certs / "sp.crt", made
    yield certs / "secrets.key", keys.generate_secret_key(certs / "secrets.key")
