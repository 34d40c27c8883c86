"""The administration's pages and its API: parse, ask ``administration``, answer."""
