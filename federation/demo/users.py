"""The people whom both development identity providers know."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class DemoUser:
    """One made-up person; ``why`` says what signing in as them shows."""

    login: str
    password: str
    email: str
    given_name: str
    family_name: str
    groups: tuple[str, ...]
    department: str
    why: str

    @property
    def display_name(self) -> str:
        return f"{self.given_name} {self.family_name}"


USERS: dict[str, DemoUser] = {
    user.login: user
    for user in (
        DemoUser(
            login="ada",
            password="ada",
            email="ada@acme.example",
            given_name="Ada",
            family_name="Lovelace",
            groups=("staff", "platform-admins"),
            department="Engineering",
            why="an administrator, by a group",
        ),
        DemoUser(
            login="bob",
            password="bob",
            email="bob@acme.example",
            given_name="Bob",
            family_name="Builder",
            groups=("staff",),
            department="Finance",
            why="a plain member, and auditor by department",
        ),
        DemoUser(
            login="zoe",
            password="zoe",
            email="zoe@acme.example",
            given_name="Zoë",
            family_name="& <R&D>",
            groups=("staff", "équipe", "R&D <x>"),
            department="R&D",
            why="a name with &, <, > and an accent",
        ),
        DemoUser(
            login="newcomer",
            password="newcomer",
            email="newcomer@acme.example",
            given_name="Noor",
            family_name="New",
            groups=(),
            department="Sales",
            why="in no group: default roles only",
        ),
        DemoUser(
            login="mallory",
            password="mallory",
            email="mallory@evil.example",
            given_name="Mallory",
            family_name="Outside",
            groups=("platform-admins",),
            department="None",
            why="a domain that is not allowed: refused",
        ),
    )
}
