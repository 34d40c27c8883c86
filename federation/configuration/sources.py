"""Where settings are written: the YAML file, secret files, the environment. The later wins.

Environment names and secret files name a place in the tree, ``__`` between levels. ``_``
there stands for ``_`` or ``-``, and case does not count. No message ever holds a value.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal, get_args

import yaml

from federation.configuration.faults import Fault, Steps
from federation.configuration.scalars import environment_name
from federation.errors import ConfigurationError

PREFIX: Final = "FEDERATION__"
SECRETS_DIRECTORY: Final = "FEDERATION_SECRETS_DIR"
_DEPTH: Final = 16  # levels; the file has six
_TEXT: Final = frozenset(
    {"client_secret", "database_url", "proxy", "service_account"}
)  # never read as JSON, whatever they begin with


Origin = Literal["default", "file", "secret file", "environment variable", "command line"]
_RANK: Final = {origin: rank for rank, origin in enumerate(get_args(Origin))}  # the later wins


@dataclass(frozen=True, kw_only=True)
class Source:
    """Where a value came from; ``name`` is the variable's or the secret file's, else ""."""

    origin: Origin
    name: str = ""


DEFAULT: Final = Source(origin="default")
Places = Mapping[Steps, Source]  # of every key that anybody wrote; no value


def source_of(places: Places, key: str) -> Source:
    """Return where the value of a dotted key came from, or a part of it: the source that wins over others."""
    steps = tuple(key.split("."))
    found = [source for place, source in places.items() if _overlap(place, steps)]
    return max(found, key=lambda one: _RANK[one.origin], default=DEFAULT)


class _Loader(yaml.SafeLoader):
    """Refuses what YAML would quietly resolve: a key given twice, a key that is not text."""


def _mapping(loader: _Loader, node: yaml.MappingNode) -> dict[Any, Any]:
    seen: set[str] = set()
    for key, _ in node.value:
        line = key.start_mark.line + 1
        if key.tag == "tag:yaml.org,2002:merge":
            continue
        if key.tag != "tag:yaml.org,2002:str":
            raise _unreadable(line, "a key is not text; put it in quotes")
        if key.value in seen:
            raise _unreadable(line, f"the key {key.value} is given twice")
        seen.add(key.value)
    return loader.construct_mapping(node, deep=True)


_Loader.add_constructor(yaml.resolver.BaseResolver.DEFAULT_MAPPING_TAG, _mapping)


def _unreadable(line: int, why: str) -> ConfigurationError:
    return ConfigurationError("settings.syntax", f"line {line}: {why}")


def read_yaml(file: Path) -> dict[str, Any]:
    """Read the settings file.

    Raises:
        ConfigurationError: ``settings.missing``, ``settings.syntax``.
    """
    try:
        text = file.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise ConfigurationError(
            "settings.missing", f"{file} does not exist; make one with: federation init --config {file}"
        ) from None
    except OSError as error:
        raise ConfigurationError("settings.missing", f"{file} cannot be read ({error.strerror})") from None
    except UnicodeDecodeError:
        raise ConfigurationError("settings.syntax", f"{file} is not UTF-8 text") from None
    try:
        tree = yaml.load(text, Loader=_Loader)  # noqa: S506  a SafeLoader, made stricter
        return _copied({} if tree is None else tree)
    except ConfigurationError as fault:
        raise ConfigurationError(fault.code, f"{file}, {fault.detail}") from None
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        place = f"line {mark.line + 1}, column {mark.column + 1}" if mark else "somewhere"
        # The parser's own words quote the text, which may be a secret.
        raise ConfigurationError(
            "settings.syntax",
            f"{file}, {place}: not valid YAML; check the indent, and quote values with special characters",
        ) from None


def _copied(tree: object) -> dict[str, Any]:
    """Return the tree without shared parts: what is laid over one alias must not show in another."""

    def copy(node: object, depth: int) -> Any:
        if depth > _DEPTH:
            raise ConfigurationError("settings.syntax", "it is nested too deeply")
        if isinstance(node, dict):
            return {key: copy(value, depth + 1) for key, value in node.items()}
        return [copy(value, depth + 1) for value in node] if isinstance(node, list) else node

    if not isinstance(tree, dict):
        raise ConfigurationError("settings.syntax", "expected keys with values, such as base_url: …")
    copied: dict[str, Any] = copy(tree, 0)
    return copied


def secret_files(directory: str) -> Iterator[tuple[str, str]]:
    """Yield name and content of every secret file in a directory.

    Kubernetes mounts secrets as links into ``..data``; names that begin with a dot are its own.

    Raises:
        ConfigurationError: ``settings.secrets``: it, or one of them, cannot be read.
    """
    try:
        for file in sorted(Path(directory).iterdir()):
            if file.name.upper().startswith(PREFIX) and file.is_file():
                yield file.name, file.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "one of them is not UTF-8 text"
        raise ConfigurationError("settings.secrets", f"{SECRETS_DIRECTORY}={directory}: {why}") from None


class Written:
    """What all sources say together, who said what, and what could not be understood."""

    def __init__(self, document: Mapping[str, Any]) -> None:
        self.tree: dict[str, Any] = _copied(dict(document))
        self.said_by: dict[Steps, str] = {}
        self.places: dict[Steps, Source] = dict.fromkeys(_leaves(self.tree), Source(origin="file"))
        self.faults: list[Fault] = []

    def lay(self, names: Mapping[str, str], kind: Literal["secret file", "environment variable"]) -> None:
        """Lay named values over the tree.

        Args:
            names: ``FEDERATION__CONNECTIONS__OKTA__CLIENT_ID`` → value; other names are not ours.
            kind: What they are, for messages: "environment variable", "secret file".
        """
        told: dict[Steps, str] = {}
        for name, value in sorted(names.items()):
            # Kubernetes makes FEDERATION_PORT and the like for a service of that name; they are not ours.
            if not name.upper().startswith(PREFIX):
                continue
            segments = name[len(PREFIX) :].split("__")
            if not all(segments) or len(segments) > _DEPTH:
                self.faults.append(((f"{kind} {name}",), "its name has an empty level between two __"))
                continue
            steps = self._steps(segments)
            if rival := next((one for one in told if _overlap(one, steps)), None):
                self.faults.append((steps, f"{kind} {told[rival]} and {name} contradict each other"))
                continue
            told[steps] = name
            self._set(steps, value, f"{kind} {name}")
            self.places[steps] = Source(origin=kind, name=name)

    def lay_tree(self, tree: Mapping[str, Any]) -> None:
        """Lay a nested mapping over the tree: the command line's."""
        _merge(self.tree, tree)
        self.places.update(dict.fromkeys(_leaves(tree), Source(origin="command line")))

    def _steps(self, segments: list[str]) -> Steps:
        """Find each segment among the keys that are there; else it is itself, in lower case."""
        node: Any = self.tree
        steps: list[str] = []
        for segment in segments:
            keys = node if isinstance(node, dict) else {}
            known = (key for key in keys if environment_name(key) == environment_name(segment))
            step = next(known, segment.lower())
            steps.append(step)
            node = keys.get(step)
        return tuple(steps)

    def _set(self, steps: Steps, text: str, source: str) -> None:
        value: Any = text
        if text[:1] in {"[", "{"} and steps[-1] not in _TEXT:
            try:
                value = json.loads(text)
            except ValueError:
                self.faults.append((steps, f"expected JSON, since it begins with [ or {{ ({source})"))
                return
        node = self.tree
        for step in steps[:-1]:
            below = node.get(str(step))
            if isinstance(below, list):
                self.faults.append((steps, f"a list is given whole, as JSON ({source})"))
                return
            if not isinstance(below, dict):
                below = node[str(step)] = {}
            node = below
        node[str(steps[-1])] = value
        self.said_by[steps] = source


def _leaves(tree: Mapping[str, Any], above: Steps = ()) -> Iterator[Steps]:
    """Yield the place of every value that is no mapping with something in it."""
    for key, value in tree.items():
        here = (*above, str(key))
        if isinstance(value, Mapping) and value:
            yield from _leaves(value, here)
        else:
            yield here


def _overlap(one: Steps, other: Steps) -> bool:
    return all(a == b for a, b in zip(one, other, strict=False))


def _merge(tree: dict[str, Any], over: Mapping[str, Any]) -> None:
    for key, value in over.items():
        below = tree.get(key)
        if isinstance(value, Mapping) and isinstance(below, dict):
            _merge(below, value)
        else:
            tree[key] = value
