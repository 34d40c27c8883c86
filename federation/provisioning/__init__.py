"""The story of provisioning: a directory's request comes in, is kept, and is decided of at once.

A request is answered in two steps. What the directory says is kept in one transaction, which takes
away at once what it takes away, and makes due whoever it concerns. Then policy decides of each who
is due, the same lines as for a sign-in, and what comes of it is carried out: of a few before the
answer, of many by ``upkeep``, so that nobody is lost where a process ends in between.
"""
