"""What provisioning comes to, said plainly: dicts in place of a database, for ``test_scim_property``.

Everything is told of a connection by its short name (``directory.CONNECTIONS``). Users are known by the
ids that the service gave them; which of them a resource or a sign-in is, is predicted here.
"""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any

from directory import CONNECTIONS

from federation.demo.users import USERS

ORGANIZATION = {"okta": "acme", "entra": "acme", "other": "globex"}
ADDRESS = {who: USERS[who].email for who in ("ada", "bob")}
RULES = {
    "platform-admins": "admin",
    "staff": "worker",
}  # of entra, which is strict; the others have the first
Given = tuple[frozenset[str], frozenset[str]]  # roles, keys of teams


@dataclass(frozen=True)
class Person:
    """A User resource."""

    user: str  # of ours
    user_name: str
    external_id: str
    display_name: str
    title: str
    emails: tuple[str, ...]
    active: bool
    version: int = 1
    surely: bool = field(default=False, compare=False)  # it came with what tells by which Subject they come

    @property
    def email(self) -> str:
        """The one that counts; a userName that is one speaks for none."""
        return (*self.emails, self.user_name if "@" in self.user_name else "")[0].lower()


@dataclass(frozen=True)
class Crowd:
    """A Group resource."""

    name: str
    members: frozenset[str]
    version: int = 1


@dataclass(frozen=True)
class Account:
    """A Subject of a connection."""

    user: str
    display_name: str


@dataclass
class Model:
    """All that is so, and what becomes of it."""

    # who is given what: by connection, or connection and user
    people: dict[str, dict[str, Person]] = field(default_factory=lambda: {one: {} for one in CONNECTIONS})
    groups: dict[str, dict[str, Crowd]] = field(default_factory=lambda: {one: {} for one in CONNECTIONS})
    users: set[str] = field(default_factory=set)
    accounts: dict[tuple[str, str], Account] = field(default_factory=dict)  # by connection and login
    awaited: dict[tuple[str, str], str] = field(default_factory=dict)  # address
    provided: dict[tuple[str, str], Given] = field(default_factory=dict)  # by the directory
    granted: dict[tuple[str, str], Given] = field(default_factory=dict)  # by sign-ins
    joined: set[tuple[str, str]] = field(default_factory=set)  # members by a sign-in
    by_hand: set[tuple[str, str, str]] = field(default_factory=set)  # organization, user, role
    out: set[tuple[str, str]] = field(default_factory=set)  # deactivated
    sessions: list[tuple[str, str]] = field(default_factory=list)  # organization and user; "" once it ended
    came: set[str] = field(default_factory=set)  # users who have had a session

    # directories

    def taken(self, where: str, user_name: str, but: str = "") -> bool:
        """Tell whether another resource has this userName, whatever its case."""
        told = self.people[where].items()
        return any(one.user_name.lower() == user_name.lower() for key, one in told if key != but)

    def owner(self, where: str, new: Person) -> str:
        """Return whose a new resource is, "" for a user of its own."""
        by_subject = {
            account.user
            for (connection, who), account in self.accounts.items()
            if connection == where and _is_subject(where, who, new)
        }
        found = by_subject
        if not found and new.email and where != "other":  # whose word is trusted for an address
            found = self._holders(where, new.email)
            found |= {
                user for (one, user), email in self.awaited.items() if (one, email) == (where, new.email)
            }
        theirs = {one.user for one in self.people[where].values()}
        return found.pop() if len(found) == 1 and not found & theirs else ""

    def add(self, where: str, key: str, new: Person) -> None:
        """Keep a new one, who is the user that the service says."""
        if new.user not in self.users:
            self.users.add(new.user)
            self.awaited[where, new.user] = new.email
        surely = where == "entra" or "@" in new.user_name
        self.people[where][key] = replace(new, surely=surely)
        if not new.active:
            self._shut_out(where, new.user)
        self.settle()

    def change(self, where: str, key: str, **told: Any) -> None:
        """Put other attributes in the place of these."""
        was = self.people[where][key]
        now = replace(was, **told)
        if now == was:
            return
        self.people[where][key] = replace(now, version=was.version + 1)
        if (where, now.user) in self.awaited:
            self.awaited[where, now.user] = now.email
        if not now.active:
            self._shut_out(where, now.user)
        else:
            self.out.discard((where, now.user))
        self.settle()

    def remove(self, where: str, key: str) -> None:
        """Forget one."""
        gone = self.people[where].pop(key)
        self._leave_groups(where, key)
        self.joined.discard((where, gone.user))
        self.granted.pop((where, gone.user), None)
        self._part(where, gone.user)
        self.settle()

    def set_group(self, where: str, key: str, name: str, members: frozenset[str]) -> None:
        """Make one, or change it."""
        was = self.groups[where].get(key)
        now = Crowd(name, members, was.version if was else 1)
        if was and now != was:
            now = replace(now, version=was.version + 1)
        self.groups[where][key] = now
        self.settle()

    def remove_group(self, where: str, key: str) -> None:
        """Forget one."""
        del self.groups[where][key]
        self._leave_groups(where, key)
        self.settle()

    def groups_of(self, where: str, key: str) -> frozenset[str]:
        """Return the groups that somebody is directly in."""
        return frozenset(one for one, told in self.groups[where].items() if key in told.members)

    # whoever comes

    def sign_in(self, where: str, who: str) -> tuple[str, str]:
        """Return the refusal's code, "" of none, and whose session is opened, "" for a new user's.

        Of somebody who is let in, tell ``enter`` as whom.
        """
        known = self.accounts.get((where, who))
        theirs, out = self._met(where, who, known.user if known else "")
        if out:
            return "policy.deactivated", ""
        if known:
            user = known.user
        elif theirs:
            user = self.people[where][theirs].user
        else:
            surely = {one.user for one in self.people[where].values() if one.surely}
            expected = {
                user for (one, user), mail in self.awaited.items() if (one, mail) == (where, ADDRESS[who])
            } - surely  # no address finds them
            if len(expected) > 1:
                return "policy.several_users", ""
            user = "".join(expected) or "".join(self._holders(where, ADDRESS[who]))
        return ("policy.deactivated", "") if self._is_out(where, user) else ("", user)

    def enter(self, where: str, who: str, user: str) -> None:
        """Open a session."""
        known, organization = self.accounts.get((where, who)), ORGANIZATION[where]
        theirs, _ = self._met(where, who, user if known else "")
        shown = known.display_name if known else USERS[who].display_name  # a sign-in fills in what is missing
        if known is None and (theirs or any(one == (where, user) for one in self.awaited)):
            for one in [one for one in self.awaited if one[1] == user]:
                del self.awaited[one]
        if theirs:
            shown = self.people[where][theirs].display_name
            if (was := self.people[where][theirs].user) != user:
                self.people[where][theirs] = replace(self.people[where][theirs], user=user)
                self._part(where, was)
        self.users.add(user)
        self.accounts[where, who] = Account(user, shown)
        if not any(self._memberships(organization, user)):
            self.joined.add((where, user))
        self.granted[where, user] = policy(where, USERS[who].groups) or (frozenset(), frozenset())
        self.sessions.append((organization, user))
        self.came.add(user)
        self.settle()

    # what stands

    def memberships(self) -> set[tuple[str, str, str]]:
        """Return organization, user and source of each."""
        return {
            (ORGANIZATION[where], user, f"{kind}:{CONNECTIONS[where]}")
            for kind, told in (("scim", self.provided), ("connection", self.joined))
            for where, user in told
        }

    def given(self, which: int) -> set[tuple[str, str, str, str]]:
        """Return organization, user, role (0) or team (1), and source of each."""
        return {
            (ORGANIZATION[where], user, name, f"{kind}:{CONNECTIONS[where]}")
            for kind, told in (("scim", self.provided), ("connection", self.granted))
            for (where, user), names in told.items()
            for name in names[which]
        } | ({(one, user, role, "manual") for one, user, role in self.by_hand} if which == 0 else set())

    def settle(self) -> None:
        """Give everybody what their groups give, and take from whom policy refuses."""
        for where, told in self.people.items():
            for key, one in told.items():
                names = [self.groups[where][group].name for group in self.groups_of(where, key)]
                given = policy(where, tuple(names)) if one.email or where == "other" else None  # of no domain
                if given is None:
                    if self.provided.pop((where, one.user), None) is not None:
                        self._end_unless_member(ORGANIZATION[where], one.user)
                    continue
                self.provided[where, one.user] = given
                for account in [account for account in self.accounts if account[0] == where]:
                    if self.accounts[account].user == one.user:
                        self.accounts[account] = Account(one.user, one.display_name)

    def _met(self, where: str, who: str, user: str) -> tuple[str, bool]:
        """Return of which resource this is the person, "" for none, and whether it keeps them out."""
        address, trusted = ADDRESS[who], where != "other"
        ranks: dict[int, list[str]] = {0: [], 1: [], 2: [], 3: []}
        for key, one in self.people[where].items():
            for rank, is_so in enumerate((
                one.user == user,
                one.external_id == EXTERNAL[where][who],
                one.user_name.lower() == address,  # trusted, or the NameID
                trusted and one.email == address,
            )):  # fmt: skip
                if is_so:
                    ranks[rank].append(key)
        best = min((rank for rank, keys in ranks.items() if keys), default=0)
        active = [self.people[where][key].active for key in ranks[best]]
        out = any(not self.people[where][key].active for key in ranks[1]) or (
            active != [] and not any(active)
        )
        if len(active) != 1:
            return "", out
        (key,) = ranks[best]
        holder = self.people[where][key].user
        anothers = any(
            account.user == holder and other != (where, who) and other[0] == where
            for other, account in self.accounts.items()
        )
        return ("" if best > 1 and anothers else key), out

    def _holders(self, where: str, address: str) -> set[str]:
        """Return whose address it is by the word of a connection that is trusted for it."""
        return {
            account.user
            for (connection, who), account in self.accounts.items()
            if ORGANIZATION[connection] == ORGANIZATION[where] and ADDRESS[who] == address
        }

    def _is_out(self, where: str, user: str) -> bool:
        return any(
            one == user and ORGANIZATION[place] == ORGANIZATION[where] for place, one in self.out
        )  # fmt: skip

    def _shut_out(self, where: str, user: str) -> None:
        self.out.add((where, user))
        self._end(ORGANIZATION[where], user)

    def _part(self, where: str, user: str) -> None:
        self.out.discard((where, user))
        self.awaited.pop((where, user), None)
        self.provided.pop((where, user), None)
        self._end_unless_member(ORGANIZATION[where], user)
        if not self._is_somebody(user):
            self.users.discard(user)

    def _is_somebody(self, user: str) -> bool:
        kept = {*self.awaited, *self.provided, *self.granted, *self.joined, *self.out}
        return (
            user in self.came
            or any(user == one for _, one in kept)
            or any(user == one.user for one in self.accounts.values())
            or any(user == one for _, one, _ in self.by_hand)
            or any(user == one.user for told in self.people.values() for one in told.values())
        )

    def _memberships(self, organization: str, user: str) -> Iterator[bool]:
        return (True for one, whose, _ in self.memberships() if (one, whose) == (organization, user))

    def _end_unless_member(self, organization: str, user: str) -> None:
        if not any(self._memberships(organization, user)):
            self._end(organization, user)

    def _end(self, organization: str, user: str) -> None:
        self.sessions = [("", "") if one == (organization, user) else one for one in self.sessions]

    def _leave_groups(self, where: str, key: str) -> None:
        for group, told in self.groups[where].items():
            if key in told.members:
                self.groups[where][group] = Crowd(told.name, told.members - {key}, told.version + 1)


def policy(where: str, groups: tuple[str, ...]) -> Given | None:
    """Return roles and teams that groups give at a connection, None where it refuses."""
    rules = RULES if where == "entra" else {"platform-admins": "admin"}
    roles = {rules[one] for one in groups if one in rules}
    if where == "entra" and not roles:
        return None
    default = {"member"} if ORGANIZATION[where] == "acme" else set()
    teams = {"crew"} & set(groups) if ORGANIZATION[where] == "acme" else set()
    return frozenset(roles or default), frozenset(teams)


def _is_subject(where: str, who: str, one: Person) -> bool:
    """Tell whether a provider surely names them so: by its sub, or by a NameID that is an address."""
    if where == "entra":
        return one.external_id == EXTERNAL[where][who]
    return one.user_name.lower() == ADDRESS[who]


EXTERNAL = {
    "okta": {who: USERS[who].department for who in ADDRESS},  # as its settings say
    "entra": {  # the development provider's sub
        who: hashlib.sha256(f"demo {who}".encode()).hexdigest()[:24] for who in ADDRESS
    },
    "other": {who: f"nobody's {who}" for who in ADDRESS},
}
