"""What the login pages of both development identity providers have in common."""

from collections.abc import Mapping
from html import escape

from federation.demo.users import USERS, DemoUser

STYLE = """\
:root { color-scheme: light dark; font: 16px/1.5 system-ui, sans-serif; }
body { max-width: 40rem; margin: 3rem auto; padding: 0 1rem; }
h1 { font-size: 1.4rem; } small { opacity: .75; }
form { display: grid; gap: .8rem; } label { display: grid; gap: .2rem; }
input, select, button { font: inherit; padding: .5rem; }
table { border-collapse: collapse; width: 100%; margin-top: 2rem; }
th, td { text-align: left; vertical-align: top; padding: .3rem .6rem .3rem 0; }
tr { border-bottom: 1px solid #8886; }
[role=alert] { border-left: .3rem solid #c33; padding-left: .8rem; }
"""


def login_form(
    *,
    action: str,
    ticket: str,
    login: str,
    known: DemoUser | None,
    wrong: bool,
    faults: Mapping[str, tuple[str, str]],
    cancel: bool,
) -> str:
    """Return the form, who there is, and what may be broken, as HTML.

    Args:
        action: Where the form goes.
        ticket: Names the request that is being answered; "" where the action does.
        login: What to write into the form.
        known: Who is signed in here already: a button goes on as them.
        wrong: The last try failed.
        faults: Name → what is wrong then, and the code that must follow.
        cancel: Offer to go back without signing in.
    """
    alert = '<p role="alert" class="error">Wrong user or password.</p>' if wrong else ""
    hidden = f'<input type="hidden" name="ticket" value="{escape(ticket)}">' if ticket else ""
    go_on = (
        f'<button name="continue" value="1" formnovalidate>Continue as {escape(known.display_name)}</button>'
        if known
        else ""
    )
    back = '<button name="cancel" value="1" formnovalidate>Cancel</button>' if cancel else ""
    options = "".join(
        f'<option value="{escape(name)}">{escape(says)} ({escape(code)})</option>'
        for name, (says, code) in faults.items()
    )
    users = "".join(
        f'<tr><th scope="row">{escape(user.login)}</th><td>{escape(user.display_name)}</td>'
        f"<td>{escape(user.why)}</td></tr>"
        for user in USERS.values()
    )
    return f"""{alert}<p>Development only: everybody's password is their user name.</p>
<form method="post" action="{escape(action)}">
{hidden}
<label>User <input name="login" value="{escape(login)}" autocomplete="username" required autofocus></label>
<label>Password <input name="password" type="password" autocomplete="current-password" required></label>
<button>Sign in</button>
{go_on}
<label>Break one rule <select name="break"><option value="">none: answer as asked</option>{options}</select>
<small>The application must then refuse, and record the code in brackets.</small></label>
{back}
</form>
<table><thead><tr><th>User</th><th>Name</th><th>Shows</th></tr></thead><tbody>{users}</tbody></table>"""
