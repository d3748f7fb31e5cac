"""Where settings come from, and what the service refuses to start with."""

from pathlib import Path

import pytest

from api.settings import Settings, SettingsError, load

LONG = "a-token-that-is-long-enough"


def test_defaults_listen_on_this_machine_and_need_no_token(home: Path) -> None:
    settings = Settings()
    assert (settings.host, settings.port, settings.home) == ("127.0.0.1", 8777, home)
    assert settings.location == home / "sparsearch.db" and settings.tokens() == ()
    settings.check()


def test_options_win_over_variables_and_variables_over_the_file(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    home.mkdir()
    (home / "service.toml").write_text('port = 1111\nqueue_cap = 7\nallowed_hosts = ["Gpu-Box", "x"]\n')
    assert (Settings().port, Settings().queue_cap, Settings().allowed_hosts) == (1111, 7, ("gpu-box", "x"))
    monkeypatch.setenv("SPARSEARCH_PORT", "2222")
    monkeypatch.setenv("SPARSEARCH_ALLOWED_HOSTS", "a.example, B.example,")
    assert (Settings().port, Settings().allowed_hosts) == (2222, ("a.example", "b.example"))
    assert load({"port": 3333, "host": None}).port == 3333


def test_a_database_url_is_a_location(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SPARSEARCH_DATABASE", "postgresql://me@db/sparsearch")
    assert Settings().location == "postgresql://me@db/sparsearch"


@pytest.mark.parametrize(
    ("text", "word"),
    [("prot = 1\n", "prot"), ("port = 70000\n", "port"), ("port = [\n", "cannot read the settings file")],
)
def test_a_file_with_a_mistake_is_refused_by_name(home: Path, text: str, word: str) -> None:
    home.mkdir()
    (home / "service.toml").write_text(text)
    with pytest.raises(SettingsError, match=word):
        load({})


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.1.20", "gpu-box"])
def test_other_machines_need_a_token_and_the_message_says_how(host: str) -> None:
    with pytest.raises(SettingsError, match=r"no token is set(.|\n)*token_urlsafe(.|\n)*--token-file"):
        Settings(host=host).check()
    Settings(host=host, token=LONG).check()


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "::1", "127.1.2.3"])
def test_loopback_is_open(host: str) -> None:
    Settings(host=host).check()


def test_tokens_come_from_the_setting_and_from_a_file(tmp_path: Path) -> None:
    file = tmp_path / "tokens"
    file.write_text(f"{LONG}-2\n\n{LONG}-3\n")
    assert Settings(token=f"{LONG}-1, {LONG}-2", token_file=file).tokens() == tuple(f"{LONG}-{n}" for n in (1, 2, 3))


@pytest.mark.parametrize("token", ["short", "fifteen-letters", "with a space in the middle", "ünïcödé-tökens-ärë-öüt"])
def test_a_token_that_could_be_guessed_or_mangled_is_refused_unseen(token: str) -> None:
    with pytest.raises(SettingsError, match="at least 16 ASCII characters") as refused:
        Settings(token=token).tokens()
    assert token not in str(refused.value)


def test_a_missing_token_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"cannot read the token file .*nowhere"):
        Settings(token_file=tmp_path / "nowhere").tokens()


def test_a_token_never_shows_in_a_repr() -> None:
    assert LONG not in repr(Settings(token=LONG)) and LONG not in str(Settings(token=LONG))
