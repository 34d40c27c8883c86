"""What administrators may do, whichever way they come: pages, API, setup links, the command line.

One function a deed, one change of the store and one line of the audit log in its transaction. Who
may do it is asked of the ``Actor`` here, and nowhere above.
"""
