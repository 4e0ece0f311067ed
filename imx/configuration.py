"""Reading the settings: the file, then the environment, then the flags of the command line."""

import difflib
import re
import tomllib
import typing
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields, is_dataclass, replace
from ipaddress import ip_address
from pathlib import Path
from typing import Any

from imx.errors import SetupError
from imx.settings import (
    DicomSettings,
    Hl7Settings,
    HttpSettings,
    Secret,
    Settings,
    Source,
    default_data_folder,
)
from imx.values import convert, written

PREFIX = "IMX_"
FILE_SUFFIX = "_file"

#: Read by a command itself: the token that `imx find` shows, and what opens a source to `imx pull`.
_OF_COMMANDS = ("IMX_TOKEN", "IMX_PULL_CREDENTIALS")

#: Fields of Settings that are not settings themselves.
_NOT_SETTINGS = ("sources", "config")


class BadSettings(SetupError):
    """A setting is unknown, cannot be read, or cannot be."""


@dataclass(frozen=True, slots=True)
class _Given:
    """A value as somebody wrote it, and where."""

    value: object
    source: Source
    place: str


def read(flags: Mapping[str, object], environment: Mapping[str, str]) -> Settings:
    """The settings in force. `flags` are by "section.name"; one that is None was not given."""
    given = {
        key: _Given(value, Source.FLAG, "the command line")
        for key, value in flags.items()
        if value is not None
    }
    given = {**_from_environment(environment), **given}
    config = given.pop("config", None)
    path = Path(str(config.value)) if config else None
    if path is None:
        data = given.get("data")
        beside = Path(str(data.value)) if data else default_data_folder(environment)
        path = beside / "imx.toml" if (beside / "imx.toml").is_file() else None
    if path is not None:
        given = {**_from_file(path), **given}
    return _checked(_build(given, path, environment))


def keys() -> dict[str, Any]:
    """Every setting and its type, by "section.name"."""
    found: dict[str, Any] = {}
    for name, kind in typing.get_type_hints(Settings).items():
        if is_dataclass(kind):
            hints = typing.get_type_hints(kind)
            found |= {f"{name}.{each.name}": hints[each.name] for each in fields(kind)}
        elif name not in _NOT_SETTINGS:
            found[name] = kind
    return found


def variable(key: str) -> str:
    """The environment variable of a setting."""
    return PREFIX + key.replace(".", "_").upper()


def secret_keys() -> set[str]:
    return {key for key, kind in keys().items() if Secret in (kind, *typing.get_args(kind))}


def environment_of(settings: Settings) -> dict[str, str]:
    """What a child process needs in its environment to come to the same settings."""
    carried = {
        variable(key): written(value_of(settings, key))
        for key, source in settings.sources.items()
        if source is Source.FLAG
    }
    carried[variable("data")] = str(settings.data)
    if settings.config is not None:
        carried[PREFIX + "CONFIG"] = str(settings.config.resolve())
    return carried


def value_of(settings: Settings, key: str) -> Any:
    value: Any = settings
    for name in key.split("."):
        value = getattr(value, name)
    return value


def _from_file(path: Path) -> dict[str, _Given]:
    try:
        text = path.read_text()
        content = tomllib.loads(text)
    except OSError as error:
        raise BadSettings(f"cannot read the settings file {path}: {error.strerror}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise BadSettings(f"the settings file {path} is not TOML: {error}") from error
    flat: dict[str, object] = {}
    for name, value in content.items():
        if isinstance(value, dict):
            flat |= {f"{name}.{inner}": each for inner, each in value.items()}
        else:
            flat[name] = value
    given = {}
    for key, value in flat.items():
        place = f"{path}, line {_line_of(text, key)}"
        if key not in keys() and not _is_secret_file(key):
            raise BadSettings(f"{place}: there is no setting {key}{_nearest(key, keys())}")
        given[key] = _Given(value, Source.FILE, place)
    return _with_secrets(given)


def _from_environment(environment: Mapping[str, str]) -> dict[str, _Given]:
    known = {variable(key): key for key in keys()} | {PREFIX + "CONFIG": "config"}
    known |= {variable(key + FILE_SUFFIX): key + FILE_SUFFIX for key in secret_keys()}
    given = {}
    for name, value in environment.items():
        if not name.startswith(PREFIX) or name in _OF_COMMANDS:
            continue
        if name not in known:
            raise BadSettings(f"environment: there is no setting {name}{_nearest(name, known)}")
        if value:
            given[known[name]] = _Given(value, Source.ENVIRONMENT, name)
    return _with_secrets(given)


def _is_secret_file(key: str) -> bool:
    return key.endswith(FILE_SUFFIX) and key.removesuffix(FILE_SUFFIX) in secret_keys()


def _with_secrets(given: dict[str, _Given]) -> dict[str, _Given]:
    """Secrets read from the files that are named for them."""
    found = {}
    for key, each in given.items():
        if not _is_secret_file(key):
            found[key] = each
            continue
        plain = key.removesuffix(FILE_SUFFIX)
        if plain in given:
            raise BadSettings(
                f"{each.place}: {plain} is given both as itself and by a file; give one of them"
            )
        try:
            text = Path(str(each.value)).read_text().strip()
        except (OSError, UnicodeDecodeError) as error:
            raise BadSettings(f"{each.place}: cannot read {each.value}") from error
        found[plain] = _Given(text, each.source, f"{each.place} ({each.value})")
    return found


def _build(given: Mapping[str, _Given], config: Path | None, environment: Mapping[str, str]) -> Settings:
    sections: dict[str, dict[str, Any]] = {}
    top: dict[str, Any] = {"data": default_data_folder(environment)}
    sources = {}
    for key, kind in keys().items():
        each = given.get(key)
        sources[key] = each.source if each else Source.DEFAULT
        if each is None:
            continue
        section, _, name = key.rpartition(".")
        (sections.setdefault(section, {}) if section else top)[name] = _converted(each, key, kind)
    hints = typing.get_type_hints(Settings)
    try:
        for section, values in sections.items():
            top[section] = hints[section](**values)
    except ValueError as error:
        raise BadSettings(f"the settings of {section} cannot be: {error}") from error
    top["data"] = Path(top["data"]).absolute()
    if top.get("open"):
        # Not said otherwise, an open service listens on this machine alone.
        top["dicom"] = replace(top.get("dicom", DicomSettings()), host=_host(sections, "dicom"))
        top["hl7"] = replace(top.get("hl7", Hl7Settings()), host=_host(sections, "hl7"))
        top["http"] = replace(top.get("http", HttpSettings()), host=_host(sections, "http"))
    return Settings(**top, sources=sources, config=config)


def _host(sections: Mapping[str, Mapping[str, Any]], section: str) -> str:
    return str(sections.get(section, {}).get("host", "127.0.0.1"))


def _converted(each: _Given, key: str, kind: Any) -> Any:
    try:
        return convert(each.value, kind)
    except (ValueError, TypeError) as error:
        raise BadSettings(f"{each.place}: {key} cannot be {_shown(each.value, key)}: {error}") from error


def _shown(value: object, key: str) -> str:
    return "what it is" if key in secret_keys() else repr(value)


def _checked(settings: Settings) -> Settings:
    """`--open` serves everybody, so it serves this machine alone."""
    if settings.hl7.tls_port is not None and settings.tls.certificate is None:
        raise BadSettings("hl7.tls_port needs tls.certificate and tls.key")
    if settings.oidc.issuer and not (settings.oidc.client_id and settings.http.public_url):
        raise BadSettings("oidc.issuer needs oidc.client_id, and http.public_url to come back to")
    if not settings.open:
        return settings
    for key in ("dicom.host", "hl7.host", "http.host", "operation.host"):
        if settings.sources[key] is not Source.DEFAULT and not is_loopback(value_of(settings, key)):
            raise BadSettings(
                f"--open accepts everybody, so it listens on this machine only, but {key} is "
                f"{value_of(settings, key)}: leave that out, or leave out --open and add the peers you know "
                "(imx peer add) and a token for readers (imx token create)"
            )
    return settings


def is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _line_of(text: str, key: str) -> int:
    """The line of a key, as written: tomllib does not say."""
    section, _, name = key.rpartition(".")
    current = ""
    for number, line in enumerate(text.splitlines(), 1):
        if header := re.match(r"\s*\[\s*([^\]]+?)\s*\]", line):
            current = header[1]
            continue
        start = name if current == section else key
        if re.match(rf"\s*[\"']?{re.escape(start)}[\"']?\s*=", line):
            return number
    return 1


def _nearest(key: str, known: Iterable[str]) -> str:
    close = difflib.get_close_matches(key, list(known), n=1, cutoff=0.5)
    return f" (did you mean {close[0]}?)" if close else ""
