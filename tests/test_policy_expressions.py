"""Conditions in CEL: what they may ask, what is refused when they are loaded, what fails on the data."""

import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from test_policy_domains import connection, person
from test_policy_roles import ACME, NOWHERE, in_groups

from federation.errors import Check
from federation.identity import Authentication, Groups, Presence
from federation.policy import roles
from federation.rules import expressions
from federation.rules.rule import RoleRule

MFA = {"authentication": Authentication(instant=None, acr="urn:mfa", amr=("pwd", "otp"))}


def ask(when: str, **who: Any) -> Check:
    """Ask one rule; return its check."""
    rule = {"name": "rule", "when": when, "roles": ["r"]}
    wanted, (check,) = roles.want(person(**who), connection(role_rules=[rule]), ACME)
    assert ("r" in [grant.role for grant in wanted.grants]) == (check.said is None)
    return check


TRUE = [
    # condition                                                         the person
    ("'domain admins' in groups",                                     in_groups("x", "Domain Admins")),
    ("groups.exists(g, g.startsWith('eng-'))",                        in_groups("ENG-West")),
    ("groups.exists(g, g.contains(',ou=ops,'))",                      in_groups("CN=a,OU=Ops,DC=acme")),
    ("!('contractors' in groups)",                                    in_groups()),
    ("groups.all(g, g != 'contractors') && size(groups) == 2",        in_groups("a", "b")),
    ("'R&D' in attributes.department",                                in_groups(department=("IT", "R&D"))),
    ("'x' in attributes['urn:acme/a b']",                             in_groups(**{"urn:acme/a b": ("x",)})),
    ("'department' in attributes && 'IT' in attributes.department",   in_groups(department=("IT",))),
    ("has(attributes.department)",                                    in_groups(department=("IT",))),
    ("!has(attributes.department)",                                   {}),
    ("email == 'ada@acme.example' && email_domain == 'acme.example'", {}),
    ("email == '' && email_domain == ''",                             {"email": ""}),
    ("email_verified",                                                {"email_verified": True}),
    ("!email_verified",                                               {"email_verified": False}),
    ("email_verified || email_domain == 'acme.example'",              {}),   # it does not hang on it
    ("connection == 'okta' && organization == 'acme'",                {}),
    ("protocol == 'oidc'",                                            {}),
    ("acr == 'urn:mfa' && 'otp' in amr",                              MFA),
    ("acr == '' && size(amr) == 0",                                   {}),
    ("email.matches('^a[a-z]+@')",                                    {}),   # RE2
]  # fmt: skip


@pytest.mark.parametrize(("when", "who"), TRUE)
def test_a_condition_that_is_true_matches(when: str, who: dict[str, Any]) -> None:
    assert ask(when, **who) == Check("policy.rule:rule")


FALSE = [
    ("'domain admins' in groups",       in_groups("Domain Admins 2")),
    ("'contractors' in groups",         in_groups()),
    ("!('contractors' in groups)",      in_groups("CONTRACTORS")),   # without case
    ("'r&d' in attributes.department",  in_groups(department=("R&D",))),   # exactly
    ("email_verified",                  {"email_verified": False}),
    ("!email_verified",                 {"email_verified": True}),
    ("protocol == 'saml'",              {}),
]  # fmt: skip


@pytest.mark.parametrize(("when", "who"), FALSE)
def test_a_condition_that_is_false_does_not(when: str, who: dict[str, Any]) -> None:
    assert ask(when, **who).said == "its condition is not true"


SECRET = "ada-secret@acme.example"

FAILING = [
    # condition                                     the person                           why
    ("'R&D' in attributes.department",            {},                                  "not there"),
    ("!('R&D' in attributes.department)",         {},                                  "not there"),
    ("email in attributes[email]",                {"email": SECRET},                   "not there"),
    ("email_verified",                            {},                                  "did not say"),
    ("!email_verified",                           {},                                  "did not say"),
    ("email_verified == false",                   {},                                  "did not say"),
    ("email_verified != true",                    {},                                  "did not say"),
    ("int(email) == 1",                           {"email": SECRET},                   "cannot be computed"),
    ("amr[0] == 'otp'",                           {},                                  "did not say"),
    ("email.matches(attributes.pattern[0])",      in_groups(pattern=("(",)),           "cannot be computed"),
    ("attributes.x[0] == 'x'",                    in_groups(x=("\ud800",)),            "cannot be computed"),
    ("groups.all(g, groups.all(h, g != h + 'x'))",  in_groups(*map(str, range(500))),    "10000 iterations"),
]  # fmt: skip


@pytest.mark.parametrize(("when", "who", "why"), FAILING)
def test_what_fails_on_the_data_is_no_match_and_says_why(when: str, who: dict[str, Any], why: str) -> None:
    check = ask(when, **who)
    assert check.code == "policy.rule:rule"
    assert check.said is not None
    assert check.said.startswith("its condition has no answer: ")
    assert why in check.said
    assert "secret" not in check.said


FAULTS = [
    # condition                                    said, with line and column
    ("groups + 1 == 2",                          "line 1, column 8: found no matching overload for '_+_'"),
    ("true &&\n  nobody == 'x'",                 "line 2, column 3: undeclared reference to 'nobody'"),
    ("email_verified == 'true'",                 "line 1, column 16: found no matching overload"),
    ("attributes.department == 'R&D'",           "line 1, column 23: found no matching overload"),   # a list
    ("has(groups.admins)",                       "line 1, column 4: "),
    ("groups",                                   "line 1, column 1: expected a condition, true or false"),
    ("dyn(true)",                                "line 1, column 1: expected a condition, true or false"),
    ("",                                         "line 1, column 1: Syntax error"),
    ("true ||",                                  "line 1, column 8: Syntax error"),
    ("(" * 100 + "true" + ")" * 100,             "line 1, column 1: "),
    ("true || " * 250 + "true",                  "expected at most 2000 characters"),
    ("'Admins' in groups",                       "line 1, column 2: groups are in small letters here:"),
    ("!('Admins' in groups)",                    "write 'admins'"),
    ("groups.exists(g, g == 'Admins')",          "write 'admins'"),
    ("groups.exists(g, g in ['a', 'Admins'])",   "write 'admins'"),
    ("groups.exists(g, g.startsWith('Eng-'))",   "write 'eng-'"),
    ("groups.filter(g, g != 'X').size() == 0",   "write 'x'"),
    ("groups[0] == 'X'",                         "write 'x'"),
    ("['X'].exists(x, x in groups)",             "write 'x'"),
]  # fmt: skip


@pytest.mark.parametrize(("when", "said"), FAULTS)
def test_a_condition_is_checked_when_it_is_loaded(when: str, said: str) -> None:
    with pytest.raises(ValueError, match="RoleRule") as refused:
        RoleRule(name="my rule", when=when, roles=("r",))
    assert "rule 'my rule': " in str(refused.value)
    assert said in str(refused.value)


READS = [
    ("'a' in groups", True),
    ("!('a' in groups)", True),
    ("false && 'a' in groups", True),
    (".groups.size() > 0", True),
    ("attributes.x.exists(y, y in groups)", True),
    ("groups.exists(groups, groups == 'a')", True),
    ("attributes.x.exists(groups, groups == 'Any')", False),  # a name of its own
    ("'a' in attributes.groups", False),
    ("'groups' in attributes", False),
    ("email == 'groups'", False),
]


@pytest.mark.parametrize(("when", "reads"), READS)
def test_what_reads_groups_is_found_by_reference(when: str, *, reads: bool) -> None:
    assert RoleRule(name="r", when=when, roles=("r",)).reads_groups is reads
    assert (ask(when, **NOWHERE).code == "policy.rule.undetermined") is reads


def test_other_strings_keep_their_case() -> None:
    when = "'R&D' in attributes.department && 'a' in groups && groups.exists(g, g.matches('[A-Z]|x'))"
    assert expressions.compile_condition(when).compared_with_groups == ("a",)


def test_no_condition_reads_more_than_is_declared() -> None:
    for name in expressions.VARIABLES:
        RoleRule(name="r", when=f"{name} == {name}", roles=("r",))
    with pytest.raises(ValueError, match="undeclared reference to 'given_name'"):
        RoleRule(name="r", when="given_name == 'Ada'", roles=("r",))


def test_the_worst_that_fits_the_budget_ends() -> None:
    names = tuple(f"CN=Group {number},OU=Groups,DC=acme,DC=example" for number in range(500))
    start = time.process_time()
    check = ask("groups.all(g, groups.all(h, groups == groups))", groups=Groups(Presence.PRESENT, names))
    assert "10000 iterations" in (check.said or "")
    assert time.process_time() - start < 5


BOMBS = [
    # what a loop makes, the next one multiplies: 20 of them are 500 million group names
    "[groups]" + ".map(a, a + a)" * 20 + ".exists(a, a.size() > 3)",
    "[groups]" + ".map(a, [a, a])" * 20 + ".exists(a, a == a)",  # shared, but compared one by one
    "[groups]" + ".map(a, {'x': a, 'y': a})" * 3 + ".exists(a, a == a)",
    "{'x': groups.map(a, groups.map(b, groups.map(c, c)))} == {}",
    "groups.all(a, groups.all(b, " + " && ".join(["groups == groups"] * 80) + "))",
    "groups.all(a, " + " && ".join(["groups == groups"] * 80) + ")",
]


@pytest.mark.parametrize("when", BOMBS)
def test_loops_that_multiply_are_refused_before_they_run(when: str) -> None:
    with pytest.raises(ValueError, match="at most two loops"):
        expressions.compile_condition(when)


def test_the_most_that_loops_may_cost_ends_soon() -> None:
    names = tuple(f"CN=Group {number},OU=Groups,DC=acme,DC=example" for number in range(500))
    start = time.process_time()
    for when in (
        "groups.all(a, groups.all(b, groups == groups && groups == groups && groups == groups))",
        "groups.all(a, " + " && ".join(["groups == groups"] * 45) + ")",
        "[groups].map(a, a + a + a + a).all(a, a == a && a == a)",
    ):
        ask(when, groups=Groups(Presence.PRESENT, names))
    assert time.process_time() - start < 10


IMPORTS = """
import json, sys
from test_policy_domains import connection, person
from federation.connection import Organization
from federation.policy import roles
def ask(**rule):
    where = connection(role_rules=[{"name": "r", "roles": ["r"]} | rule])
    return roles.want(person(), where, Organization(name="A"))
ask(groups=["a"])
before = "cel_expr_python" in sys.modules
where = connection(role_rules=[{"name": "r", "roles": ["r"], "when": "true"}])
after = "cel_expr_python.cel" in sys.modules
class No:
    def find_spec(self, name, *rest):
        raise AssertionError(f"imported in a request: {name}")
sys.meta_path.insert(0, No())
wanted, _ = roles.want(person(), where, Organization(name="A"))
print(json.dumps([before, after, [grant.role for grant in wanted.grants]]))
"""


def test_the_runtime_is_imported_where_a_condition_is_loaded_and_nowhere_else() -> None:
    here = Path(__file__).parent
    done = subprocess.run(
        [sys.executable, "-c", IMPORTS], capture_output=True, text=True, check=True, cwd=here
    )
    assert json.loads(done.stdout) == [False, True, ["r"]]
