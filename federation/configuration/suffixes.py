"""Domains that are nobody's own: public suffixes, and those of mailboxes for everybody.

Under a public suffix (``com``, ``co.uk``) anybody registers; at a free-mail domain anybody has an
address. A connection that speaks for one speaks for strangers. The list of suffixes comes with
the library, so nothing is fetched.
"""

from collections.abc import Iterable, Mapping
from functools import cache
from importlib import resources
from pathlib import Path

from publicsuffixlist import PSLFILE, PublicSuffixList


@cache
def _registries() -> PublicSuffixList:
    return PublicSuffixList(only_icann=True)


@cache
def free_mail() -> frozenset[str]:
    """Return the domains of ``free_mail.txt``."""
    lines = resources.files(__package__).joinpath("free_mail.txt").read_text("ascii").splitlines()
    return frozenset(line for line in lines if line and not line.startswith("#"))


def is_registry(domain: str) -> bool:
    """Tell whether a registry sells names right below this domain, or the domain is of no known one."""
    return _registries().publicsuffix(domain) == domain


def concerns(domains: Iterable[str]) -> Mapping[str, str]:
    """Return what is to be said of each domain that is not its organization's own alone.

    Args:
        domains: Lower-case, as settings write them: ``acme.example`` or ``*.acme.example``.
    """
    names = {entry: entry.removeprefix("*.") for entry in domains}
    everyone = _as_far_as_it_speaks_of(names.values())
    found = {}
    for entry, domain in names.items():
        if everyone.publicsuffix(domain) == domain:
            found[entry] = f"{domain} is a public suffix: anybody can have a name below it"
        elif domain in free_mail():
            found[entry] = f"{domain} is a free-mail domain: anybody can have an address there"
    return found


def _as_far_as_it_speaks_of(domains: Iterable[str]) -> PublicSuffixList:
    """Return the list with the rules of these domains' last labels; whole, it takes 50 ms and some MB."""
    ends = {domain.rpartition(".")[2] for domain in domains}
    wide = not all(end.isascii() and not end.startswith("xn--") for end in ends)
    rules = []
    for line in Path(PSLFILE).read_text("utf-8").splitlines() if ends else ():
        end = line.rstrip().rpartition(".")[2]
        if end in ends or (wide and not end.isascii()):
            rules.append(line)
    return PublicSuffixList(rules)
