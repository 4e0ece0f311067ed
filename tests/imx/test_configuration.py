"""Settings: where they come from, and what is said of those that cannot be."""

import json
from pathlib import Path

import pytest

from imx.commands.settings import as_data, without_passwords
from imx.configuration import BadSettings, environment_of, keys, read, secret_keys, variable
from imx.settings import Secret, Source


def test_a_flag_goes_before_the_environment_and_that_before_the_file(tmp_path: Path) -> None:
    file = tmp_path / "imx.toml"
    file.write_text('[dicom]\nport = 1\nae_title = "FILE"\nidle_s = 5\n')

    settings = read(
        {"config": file, "dicom.port": 3, "http.port": None},
        {"IMX_DICOM_PORT": "2", "IMX_DICOM_AE_TITLE": "ENV", "IMX_HTTP_PORT": "80"},
    )

    assert (settings.dicom.port, settings.sources["dicom.port"]) == (3, Source.FLAG)
    assert (settings.dicom.ae_title, settings.sources["dicom.ae_title"]) == ("ENV", Source.ENVIRONMENT)
    assert (settings.dicom.idle_s, settings.sources["dicom.idle_s"]) == (5.0, Source.FILE)
    assert (settings.http.port, settings.sources["http.port"]) == (80, Source.ENVIRONMENT)
    assert settings.sources["http.host"] is Source.DEFAULT


def test_the_file_in_the_data_folder_is_read_without_being_named(tmp_path: Path) -> None:
    (tmp_path / "imx.toml").write_text("dicom.port = 7\n")

    assert read({"data": tmp_path}, {}).dicom.port == 7


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (
            "[dicom]\nae_title='A'\nprot = 1\n",
            r"line 3: there is no setting dicom\.prot \(did you mean dicom\.port",
        ),
        ("[dicom]\n\nport = 'x'\n", r"line 3: dicom\.port cannot be 'x': it should be a number"),
        ("open = 'perhaps'\n", r"line 1: open cannot be 'perhaps': it should be true or false"),
        ("[storage]\nwatermark = '5 parsecs'\n", r"line 2: storage\.watermark .* bytes"),
        ("[dicom]\nprocesses = 0\n", r"dicom\.processes is from 1 to 64"),
        ("[http]\nprocesses = 65\n", r"http\.processes is from 1 to 64"),
        ("[dicom\n", "is not TOML"),
    ],
)
def test_a_setting_that_cannot_be_is_named_with_its_line(tmp_path: Path, text: str, said: str) -> None:
    (tmp_path / "imx.toml").write_text(text)

    with pytest.raises(BadSettings, match=said):
        read({"data": tmp_path}, {})


def test_an_unknown_variable_is_refused_with_the_nearest_one() -> None:
    with pytest.raises(BadSettings, match=r"IMX_DATBASE_URL \(did you mean IMX_DATABASE_URL\?\)"):
        read({}, {"IMX_DATBASE_URL": "x"})


def test_secrets_are_read_from_files_of_their_own(tmp_path: Path) -> None:
    (tmp_path / "url").write_text("postgresql://imx:pw@db/imx\n")

    settings = read({}, {"IMX_DATABASE_URL_FILE": str(tmp_path / "url")})

    assert settings.database.url == Secret("postgresql://imx:pw@db/imx")
    assert "pw@" not in repr(settings)


def test_a_secret_given_twice_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadSettings, match="give one of them"):
        read({}, {"IMX_DATABASE_URL": "x", "IMX_DATABASE_URL_FILE": "y"})


def test_no_secret_is_printed() -> None:
    settings = read(
        {},
        {
            "IMX_DATABASE_URL": "postgresql://imx:hush1@db/imx?password=hush2",
            "IMX_OBJECTS_ACCESS_KEY": "hush3",
            "IMX_OBJECTS_SECRET_KEY": "hush4",
        },
    )

    printed = json.dumps(as_data(settings))

    assert "hush" not in printed
    assert "postgresql://imx:***@db/imx" in printed


def test_passwords_of_the_other_form_are_masked_too() -> None:
    assert without_passwords("host=db password='a b' user=imx") == "host=db password=*** user=imx"


def test_a_child_comes_to_the_same_settings(tmp_path: Path) -> None:
    ours = read({"data": tmp_path, "dicom.port": 104, "open": True}, {"IMX_HTTP_PORT": "81"})

    theirs = read({}, {"IMX_HTTP_PORT": "81", **environment_of(ours)})

    assert (theirs.data, theirs.dicom, theirs.http, theirs.open) == (ours.data, ours.dicom, ours.http, True)


@pytest.mark.parametrize("key", ["dicom.host", "http.host"])
def test_an_open_service_does_not_listen_beyond_this_machine(key: str) -> None:
    with pytest.raises(BadSettings, match="--open accepts everybody"):
        read({"open": True, key: "0.0.0.0"}, {})


def test_an_open_service_listens_on_loopback_unless_told() -> None:
    settings = read({"open": True}, {})

    assert (settings.dicom.host, settings.http.host) == ("127.0.0.1", "127.0.0.1")
    assert read({"open": True, "dicom.host": "::1"}, {}).dicom.host == "::1"


def test_sizes_are_written_as_people_do() -> None:
    assert read({}, {"IMX_STORAGE_WATERMARK": "1.5 GB"}).storage.watermark == 1_500_000_000
    assert read({}, {"IMX_STORAGE_WATERMARK": "2MiB"}).storage.watermark == 2 * 1024**2


def test_every_setting_has_one_variable_of_its_own() -> None:
    names = [variable(key) for key in keys()]

    assert len(names) == len(set(names))
    assert secret_keys() == {
        "database.url", "objects.access_key", "objects.secret_key", "oidc.client_secret", "pds.api_key",
    }  # fmt: skip
