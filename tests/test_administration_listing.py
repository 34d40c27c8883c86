"""Lists that are prepared once: a page is read from its place on, searched or not."""

from federation.administration.listing import Entry, Listing, Register

NAMES = ("ada", "bo", "chi", "dada", "eva")


def entries(*names: str, organization: str = "acme") -> list[Entry[str]]:
    return [
        Entry(organization=organization, place=(name, name), searched=f"{name} of acme", item=name)
        for name in names
    ]


PAGES = [
    # wanted      after                 limit   found
    ("",          None,                 2,      ["ada", "bo"]),
    ("",          ("bo", "bo"),         2,      ["chi", "dada"]),
    ("",          ("box", ""),          2,      ["chi", "dada"]),  # of one that is gone
    ("",          ("eva", "eva"),       2,      []),
    ("ada",       None,                 5,      ["ada", "dada"]),
    ("ada",       None,                 1,      ["ada"]),
    ("ada",       ("ada", "ada"),       5,      ["dada"]),
    ("ada",       ("dada", "dada"),     5,      []),
    ("acme",      None,                 9,      list(NAMES)),  # once each, at the end of each text
    ("a of acme", ("chi", "chi"),       9,      ["dada", "eva"]),
    ("acmebo",    None,                 9,      []),  # of two beside each other
    ("acme\0bo",  None,                 9,      []),
    ("\0",        None,                 9,      []),
    ("none",      None,                 9,      []),
]  # fmt: skip


def test_a_page_is_what_a_look_at_every_item_would_find() -> None:
    listing = Listing(entries(*reversed(NAMES)))
    for wanted, after, limit, found in PAGES:
        assert listing.page(wanted, after, limit) == found, (wanted, after)
    assert Listing(entries()).page("", None, 5) == Listing(entries()).page("a", None, 5) == []


def test_what_is_searched_may_hold_what_separates() -> None:
    one = Entry(organization="acme", place=("x", "x"), searched="x\0y", item="x")
    assert Listing([one, *entries("z")]).page("y", None, 5) == ["x"]


def test_an_organization_has_its_own_list() -> None:
    register = Register([*entries("ada", "eva"), *entries("bo", organization="beta")])
    assert register.of(None).page("", None, 5) == ["ada", "bo", "eva"]
    assert register.of("acme").page("", None, 5) == ["ada", "eva"]
    assert register.of("beta").page("acme", None, 5) == ["bo"]
    assert register.of("none").page("", None, 5) == []
    assert register.of("acme") is register.of("acme")
