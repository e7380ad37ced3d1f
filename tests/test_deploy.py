"""deploy/ and docs/deploy.md name what there is: commands, settings, times, folders."""

import re
import shlex
import shutil
import subprocess
from importlib.util import find_spec
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import yaml
from django.core.management import get_commands

from chatsite.draining import REQUESTS_END_WITHIN_S, SERVER_ENDS_WITHIN_S
from conversations.generating.run import STORED_WITHIN_S
from tests.test_docs import names_read

ROOT = Path(__file__).parent.parent
DEPLOY = ROOT / "deploy"
UNITS = sorted((DEPLOY / "systemd").iterdir())
COMPOSE = yaml.safe_load((DEPLOY / "compose.yaml").read_text())
DOCUMENT = (ROOT / "docs/deploy.md").read_text()
WRITTEN = {path: path.read_text() for path in [*UNITS, *DEPLOY.glob("[Dc]*"), ROOT / "docs/deploy.md"]}
# What a process needs for its end besides CHAT_DRAIN.
TO_END_S = STORED_WITHIN_S + REQUESTS_END_WITHIN_S + SERVER_ENDS_WITHIN_S


@pytest.mark.parametrize("path", WRITTEN, ids=lambda path: path.name)
def test_only_settings_and_commands_that_exist_are_named(path: Path) -> None:
    names = set(re.findall(r"\b(?:CHAT|DJANGO|DATABASE|REDIS|CELERY)_[A-Z_]+\b", WRITTEN[path]))
    commands = set(re.findall(r"manage\.py[, ]+(\w+)", WRITTEN[path]))
    modules = set(re.findall(r'python"?,? "?-m"?,? "?(\w+)', WRITTEN[path]))

    assert sorted(names - names_read() - {"CHAT_HOST"}) == []
    assert sorted(commands - get_commands().keys()) == []
    assert [module for module in modules if not find_spec(module)] == []


@pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="systemd-analyze is not installed")
def test_systemd_finds_nothing_wrong_with_the_units(tmp_path: Path) -> None:
    for unit in UNITS:
        # Where the units look for the programs, something must be.
        text = unit.read_text().replace("/opt/chatsite/.venv/bin/python", "/usr/bin/env").replace("/opt/chatsite", "/")
        for name in (unit.name.replace("@", "@8001"), unit.name.replace("@", "@8002")):
            (tmp_path / name).write_text(text.replace("/usr/bin/curl", "/usr/bin/env"))
    units = sorted(tmp_path.iterdir())
    verified = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", *units], capture_output=True, text=True, check=False
    )

    assert (verified.returncode, verified.stderr) == (0, "")


@pytest.mark.parametrize(
    "unit", [unit for unit in UNITS if "CHAT_DRAIN=" in unit.read_text()], ids=lambda unit: unit.name
)
def test_systemd_waits_for_a_drain(unit: Path) -> None:
    drain_s, stop_s = (
        float(number)
        for name in ("Environment=CHAT_DRAIN", "TimeoutStopSec")
        for number in re.findall(rf"^{name}=(\d+)$", unit.read_text(), re.MULTILINE)
    )

    assert stop_s >= drain_s + TO_END_S


@pytest.mark.parametrize("name", ["web1", "web2", "generator"])
def test_docker_waits_for_a_drain(name: str) -> None:
    service = COMPOSE["services"][name]

    assert (
        float(service["stop_grace_period"].removesuffix("s")) >= float(service["environment"]["CHAT_DRAIN"]) + TO_END_S
    )


def test_kubernetes_waits_for_a_drain() -> None:
    (deployment,) = (part for part in kubernetes() if part["kind"] == "Deployment")
    pod = deployment["spec"]["template"]["spec"]
    (container,) = pod["containers"]
    settings = {each["name"]: each.get("value") for each in container["env"]}
    wait_s = container["lifecycle"]["preStop"]["sleep"]["seconds"]

    assert pod["terminationGracePeriodSeconds"] >= wait_s + float(settings["CHAT_DRAIN"]) + TO_END_S
    assert {probe: container[probe]["httpGet"]["path"] for probe in container if probe.endswith("Probe")} == {
        "startupProbe": "/readyz",
        "readinessProbe": "/readyz",
        "livenessProbe": "/healthz",
    }


def kubernetes() -> list[Any]:
    return [
        part for block in re.findall(r"```yaml\n(.*?)```", DOCUMENT, re.DOTALL) for part in yaml.safe_load_all(block)
    ]


@pytest.mark.parametrize("name", COMPOSE["services"])
def test_containers_find_what_they_need(name: str) -> None:
    service = COMPOSE["services"][name]
    volumes = [volume.partition(":")[0] for volume in service["volumes"]] if "volumes" in service else []
    folders = [DEPLOY / volume for volume in volumes if volume.startswith(".")]

    assert set(service.get("depends_on", [])) <= COMPOSE["services"].keys()
    assert {volume for volume in volumes if volume[0] not in "./"} <= COMPOSE["volumes"].keys()
    assert [folder for folder in folders if not folder.exists()] == []


def test_nginx_in_its_container_gets_a_configuration_in_which_everything_was_replaced() -> None:
    script = COMPOSE["services"]["nginx"]["command"][2].replace("${CHAT_HOST}", "chat.example.net")
    words = shlex.split(script.partition(" && ")[0])
    edits = [after for option, after in pairwise(words) if option == "-e"]
    text = (DEPLOY / "nginx.conf").read_text()
    edited = subprocess.run(
        ["sed", *(word for edit in edits for word in ("-e", edit))],
        input=text,
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    mounted = [volume.split(":")[1] for volume in COMPOSE["services"]["nginx"]["volumes"]]
    addresses = [COMPOSE["services"][name]["networks"]["default"]["ipv4_address"] for name in ("web1", "web2")]

    assert re.findall(r"server (\S+):8000 ", edited) == addresses
    assert "example.org" not in edited
    folders = re.findall(r"(?:alias|ssl_certificate(?:_key)?) +(/\S+);", edited)
    assert [folder for folder in folders if not folder.startswith(tuple(mounted))] == []


def test_the_image_has_what_the_site_is_made_of() -> None:
    copied = re.findall(r"^COPY (\S+) (\S+)$", (DEPLOY / "Dockerfile").read_text(), re.MULTILINE)
    let_in = re.findall(r"^!(\S+)$", (DEPLOY / "Dockerfile.dockerignore").read_text(), re.MULTILINE)

    assert sorted(source for source, _ in copied) == sorted(let_in)
    assert [source for source, _ in copied if not (ROOT / source).exists()] == []
