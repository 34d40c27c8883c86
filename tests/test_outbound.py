"""The way out as the settings have it: what the environment adds, and what wins over it."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml
from test_settings import ENVIRONMENT, with_values

from federation import settings
from federation.errors import ConfigurationError
from federation.fetch import open_door
from federation.operator import doctor

PROXY = "http://svc:hunter2@proxy.acme.example:3128"


def load(directory: Path, told: Mapping[str, Any], environment: Mapping[str, str]) -> settings.Settings:
    file = directory / "federation.yaml"
    file.write_text(yaml.safe_dump(with_values({f"outbound.{key}": value for key, value in told.items()})))
    return settings.load(file, environment={**ENVIRONMENT, **environment})


WAYS: list[tuple[dict[str, Any], dict[str, str], str | None, tuple[str, ...]]] = [
    # settings                         environment                            proxy    past it
    ({},                               {},                                    None,    ()),
    ({"proxy": PROXY},                 {},                                    PROXY,   ()),
    ({},                               {"HTTPS_PROXY": PROXY},                PROXY,   ()),
    ({},                               {"https_proxy": PROXY},                PROXY,   ()),
    ({},                               {"https_proxy": PROXY, "HTTPS_PROXY": "http://other:1"}, PROXY, ()),
    ({},                               {"HTTPS_PROXY": ""},                   None,    ()),
    ({},                               {"HTTPS_PROXY": "proxy.acme.example:3128"},
                                                       "http://proxy.acme.example:3128", ()),
    ({},                               {"HTTP_PROXY": PROXY, "ALL_PROXY": PROXY}, None, ()),
    ({"proxy": PROXY},                 {"HTTPS_PROXY": "http://other:1"},     PROXY,   ()),
    ({"proxy": {"env": "WAY_OUT"}},    {"WAY_OUT": PROXY},                    PROXY,   ()),
    ({"proxy": "direct"},              {"HTTPS_PROXY": PROXY},                None,    ()),
    ({},                               {"FEDERATION__OUTBOUND__PROXY": PROXY, "HTTPS_PROXY": "http://o:1"},
                                                                              PROXY,   ()),
    ({"proxy": PROXY},                 {"NO_PROXY": "a.example, .b,,"},       PROXY,   ("a.example", ".b")),
    ({"no_proxy": ["c.example"]},      {"NO_PROXY": "a.example"},             None,    ("c.example",)),
    ({"no_proxy": []},                 {"no_proxy": "a.example"},             None,    ()),
]  # fmt: skip


@pytest.mark.parametrize(("told", "environment", "proxy", "past"), WAYS)
def test_what_is_written_wins_over_the_environment(
    tmp_path: Path,
    told: dict[str, Any],
    environment: dict[str, str],
    proxy: str | None,
    past: tuple[str, ...],
) -> None:
    read = load(tmp_path, told, environment).outbound
    assert (read.proxy.get_secret_value() if read.proxy else None) == proxy
    assert read.no_proxy == past
    assert "hunter2" not in repr(read)


@pytest.mark.parametrize(
    "proxy",
    [
        "proxy.acme.example:3128", "socks5://proxy:1080", "http://", "http://u:hunter2@proxy/x", "none",
        "http://proxy:99999", "http://proxy?hunter2", "http://pro xy:1", "http://[::1",
    ],
)  # fmt: skip
def test_what_is_no_proxy_is_named_and_never_repeated(tmp_path: Path, proxy: str) -> None:
    with pytest.raises(ConfigurationError, match=r"^settings\.invalid: ") as caught:
        load(tmp_path, {"proxy": proxy}, {})
    assert "outbound.proxy" in caught.value.detail
    assert "hunter2" not in str(caught.value)


def test_a_fault_of_the_environment_is_said_to_be_its_own(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="HTTPS_PROXY") as caught:
        load(tmp_path, {}, {"HTTPS_PROXY": "socks5://u:hunter2@proxy"})
    assert "hunter2" not in str(caught.value)


async def test_the_door_is_opened_as_the_settings_have_it(tmp_path: Path) -> None:
    door = open_door(load(tmp_path, {"proxy": PROXY, "no_proxy": ["acme.example"]}, {}))
    await door.close()
    with pytest.raises(ConfigurationError, match=r"^fetch\.ca_bundle: ") as caught:
        open_door(load(tmp_path, {"ca_bundle": "certs/company.pem"}, {}))
    assert str(tmp_path / "certs/company.pem") in caught.value.detail  # relative to the settings file


@pytest.mark.parametrize(
    ("told", "said"),
    [
        ({}, []),
        ({"proxy": PROXY}, ["providers are asked through the proxy proxy.acme.example:3128"]),
        (
            {"proxy": "http://proxy", "no_proxy": ["a.example", "10.0.0.0/8"], "ca_bundle": "ca.pem"},
            ["through the proxy proxy; past it: a.example, 10.0.0.0/8", "ca.pem"],
        ),
    ],
)
def test_doctor_says_which_way_out(tmp_path: Path, told: dict[str, Any], said: list[str]) -> None:
    findings = list(doctor.way_out(load(tmp_path, told, {})))
    assert len(findings) == len(said)
    for finding, words in zip(findings, said, strict=True):
        assert words in finding.said
        assert "hunter2" not in finding.said
