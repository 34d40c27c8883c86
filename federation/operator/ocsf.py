"""Lines of the audit log as OCSF has them (schema.ocsf.io, version 1.8.0, category 3). Pure.

Account Change (3001) where somebody's account is changed, User Access Management (3005) where their
roles or teams are, Entity Management (3004) for everything else.
"""

from collections.abc import Mapping
from typing import Any, Final

from federation.administration.audit import as_json
from federation.store.audit_pages import AuditRow

VERSION: Final = "1.8.0"
_IAM: Final = 3  # category
_ACCOUNT, _ENTITY, _ACCESS = 3001, 3004, 3005
_OTHER: Final = 99
_ACTIVITIES: Final[Mapping[str, tuple[int, int, str]]] = {  # class, activity_id, activity_name
    "person.add": (_ACCOUNT, 1, "Create"),
    "person.reactivate": (_ACCOUNT, 2, "Enable"),
    "person.deactivate": (_ACCOUNT, 5, "Disable"),
    "person.erase": (_ACCOUNT, 6, "Delete"),
    "person.remove": (_ACCOUNT, 6, "Delete"),
    "person.grant": (_ACCESS, 1, "Assign Privileges"),
    "team.add_member": (_ACCESS, 1, "Assign Privileges"),
    "person.revoke": (_ACCESS, 2, "Revoke Privileges"),
    "team.remove_member": (_ACCESS, 2, "Revoke Privileges"),
    "local_account.create": (_ACCOUNT, 1, "Create"),
    "local_account.set_password": (_ACCOUNT, 3, "Password Change"),
    "local_account.reset": (_ACCOUNT, 4, "Password Reset"),
    "local_account.delete": (_ACCOUNT, 6, "Delete"),
    "local_account.unlock": (_ACCOUNT, 12, "Unlock"),
}
_VERBS: Final[Mapping[str, tuple[int, str]]] = {  # of Entity Management
    "create": (1, "Create"),
    "begin": (1, "Create"),
    "add": (1, "Create"),
    "reveal": (2, "Read"),
    "delete": (4, "Delete"),
    "revoke": (4, "Delete"),
    "enable": (8, "Enable"),
    "on": (8, "Enable"),
    "disable": (9, "Disable"),
    "off": (9, "Disable"),
}
_UPDATE: Final = (3, "Update")
_ACTORS: Final[Mapping[str, tuple[int, str]]] = {  # type_id and type of an OCSF user
    "user": (1, "User"),
    "operator": (2, "Admin"),
    "system": (3, "System"),
}


def event(row: AuditRow, *, personal: bool) -> dict[str, Any]:
    """Return a line as an event.

    Args:
        row: The line.
        personal: Also names and addresses of people.
    """
    one = row.entry
    kind, activity, name = _class(one.action, one.kind)
    type_id, type_ = _ACTORS.get(one.actor_kind, (_OTHER, one.actor_kind))
    told: dict[str, Any] = {
        "category_uid": _IAM,
        "category_name": "Identity & Access Management",
        "class_uid": kind,
        "class_name": _NAMES[kind],
        "activity_id": activity,
        "activity_name": name,
        "type_uid": kind * 100 + activity,
        "type_name": f"{_NAMES[kind]}: {name}",
        "severity_id": 1,
        "severity": "Informational",
        "status_id": 1,
        "status": "Success",
        "time": int(one.at.timestamp() * 1000),
        "metadata": {
            "version": VERSION,
            "product": {"name": "federation", "vendor_name": "federation"},
            "uid": row.id,
            "event_code": one.action,
            "tenant_uid": one.organization,
            **({"correlation_uid": one.reference} if one.reference else {}),
        },
        "actor": {"user": {"uid": one.actor or one.actor_kind, "type_id": type_id, "type": type_}},
        "unmapped": as_json(row, personal=personal),
    }
    if personal and one.address:
        told["src_endpoint"] = {"ip": one.address}
    return told | _about(kind, row, personal=personal)


_NAMES: Final[Mapping[int, str]] = {
    _ACCOUNT: "Account Change",
    _ENTITY: "Entity Management",
    _ACCESS: "User Access Management",
}


def _class(action: str, kind: str) -> tuple[int, int, str]:
    if action in _ACTIVITIES:
        return _ACTIVITIES[action]
    if kind in {"user", "local_account"}:
        return _ACCOUNT, _OTHER, action.partition(".")[2] or action
    return _ENTITY, *_VERBS.get(action.rpartition(".")[2], _UPDATE)


def _about(kind: int, row: AuditRow, *, personal: bool) -> dict[str, Any]:
    one = row.entry
    if kind == _ENTITY:
        entity: dict[str, Any] = {"uid": one.name or one.kind, "type": one.kind, "type_id": _OTHER}
        if one.before:
            entity["data"] = dict(one.before)
        updated = {"uid": one.name or one.kind, "type": one.kind, "type_id": _OTHER, "data": dict(one.after)}
        return {"entity": entity} | ({"entity_result": updated} if one.after else {})
    whom = {**one.before, **one.after}.get("user") if one.kind == "team" else one.name
    user: dict[str, Any] = {"uid": whom or one.about or one.kind, "type_id": 1, "type": "User"}
    if personal and isinstance(email := one.personal.get("email"), str) and email:
        user["email_addr"] = email
    if kind == _ACCESS:
        given = {"team": one.name} if one.kind == "team" else {**one.before, **one.after}
        return {"user": user, "privileges": [f"{name}:{value}" for name, value in given.items()]}
    return {"user": user}
