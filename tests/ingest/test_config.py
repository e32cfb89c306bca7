"""The configuration: unknown keys are errors, all errors come at once with lines, the environment wins."""

from pathlib import Path

import pytest

from devices.families import FAMILIES
from devices.registry_files import Problem
from ingest.config import EMBEDDED, Config, load, vendor_topics
from tests.topics import matches, overlap


@pytest.fixture(autouse=True)
def _bare_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    import os

    for name in list(os.environ):
        if name.upper().startswith("SHOUWANG_"):
            monkeypatch.delenv(name)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "etc" / "shouwang.toml"


def loaded(file: Path, text: str) -> Config | list[Problem]:
    file.parent.mkdir(exist_ok=True)
    file.write_text(text, "utf-8")
    return load(file)


def good(file: Path, text: str) -> Config:
    found = loaded(file, text)
    assert isinstance(found, Config), "\n".join(map(str, found))
    return found


def problems(file: Path, text: str) -> list[tuple[int, str]]:
    """(line, what is said first) of each problem."""
    found = loaded(file, text)
    assert isinstance(found, list)
    assert {problem.file for problem in found} == {str(file)}
    return [(problem.line, problem.message.partition(":")[0]) for problem in found]


def test_an_empty_file_is_a_home_of_its_own(file: Path) -> None:
    config = good(file, "")
    assert (config.site, config.timezone) == ("home-1", "Asia/Shanghai")
    assert config.broker.url == config.database.secret() == EMBEDDED
    assert config.data == file.parent / "shouwang-data"
    assert config.api.host == "127.0.0.1"


def test_paths_are_taken_from_the_files_folder(file: Path) -> None:
    config = good(
        file,
        """
        data = "../var"
        rules = "rules.toml"
        registry = ["places.csv", "/abs/devices.toml"]
        [broker]
        password_file = "mqtt"
        ca_file = "ca.pem"
        [database]
        dsn_file = "dsn"
        [api]
        token_file = "/run/token"
        [[webhook]]
        name = "wecom"
        url = "https://example.org/hook"
        secret_file = "hook"
        """,
    )
    folder = file.parent
    assert config.data == folder / "../var"
    assert config.rules == folder / "rules.toml"
    assert config.registry == [folder / "places.csv", Path("/abs/devices.toml")]
    assert (config.broker.password_file, config.broker.ca_file) == (folder / "mqtt", folder / "ca.pem")
    assert config.broker.key_file is None
    assert config.database.dsn_file == folder / "dsn"
    assert config.api.token_file == Path("/run/token")
    assert config.webhook[0].secret_file == folder / "hook"


def test_secrets_may_stand_in_files_and_are_not_shown(file: Path) -> None:
    file.parent.mkdir()
    (file.parent / "dsn").write_text("postgresql://u:hidden-one@db/x\n")
    config = good(
        file,
        '[database]\ndsn_file = "dsn"\n[broker]\nusername = "u"\npassword = "hidden-two"\n'
        '[api]\ntoken = "hidden-three"\n',
    )
    assert config.database.secret() == "postgresql://u:hidden-one@db/x"
    assert config.broker.secret() == "hidden-two"
    assert config.api.secret() == "hidden-three"
    assert "hidden" not in repr(config)
    missing = good(file, '[api]\ntoken_file = "no-such"\n')
    with pytest.raises(FileNotFoundError):
        missing.api.secret()


def test_unknown_keys_have_their_lines(file: Path) -> None:
    hook = '[[webhook]]\nname = "{}"\nurl = "http://x"\nsecret = "s"\n'
    text = 'site = "s"\ncolour = "red"\n\n[broker]\nurl = "embedded"\nqos = 2\n'
    text += hook.format("a") + hook.format("b") + "retries = 3\n[kitchen]\n"
    found = loaded(file, text)
    assert isinstance(found, list)
    assert sorted((problem.line, problem.message) for problem in found) == [
        (2, "colour: unknown key"),
        (6, "broker.qos: unknown key"),
        (15, "webhook.1.retries: unknown key"),
        (16, "kitchen: unknown key"),
    ]


def test_all_errors_at_once(file: Path) -> None:
    text = 'site = "a b"\ntimezone = "Mars/Base"\n[api]\nport = 70000\n'
    text += '[broker]\nurl = "http://x"\nmax_in_flight = 0\n'
    assert problems(file, text) == [
        (1, "site"), (2, "timezone"), (6, "broker.url"), (7, "broker.max_in_flight"), (4, "api.port"),
    ]  # fmt: skip


@pytest.mark.parametrize("text", ["site = ", "a = 1\na = 2\n", "[broker\n"])
def test_what_is_no_toml(file: Path, text: str) -> None:
    assert [message.startswith("is no TOML") for _, message in problems(file, text)] == [True]


def test_what_cannot_be_read(file: Path) -> None:
    assert isinstance(load(file), list)
    file.parent.mkdir()
    file.write_bytes(b'site = "\xff"')
    assert isinstance(load(file), list)


@pytest.mark.parametrize(
    "url",
    [
        "embedded",
        "mqtt://localhost",
        "mqtt://10.0.0.1:1884",
        "mqtts://broker.example.org",
        "mqtt://[::1]:1883",
    ],
)
def test_broker_urls(file: Path, url: str) -> None:
    assert good(file, f'[broker]\nurl = "{url}"\n').broker.url == url


@pytest.mark.parametrize(
    "url",
    [
        "",
        "localhost",
        "localhost:1883",
        "http://x",
        "mqtt://",
        "mqtt://h:port",
        "mqtt://h:70000",
        "mqtt://[::1",
        "mqtt://u:p@h",
    ],
)
def test_what_is_no_broker_url(file: Path, url: str) -> None:
    assert problems(file, f'\n[broker]\nurl = "{url}"\n') == [(3, "broker.url")]


@pytest.mark.parametrize("site", ["", "a b", "a/b", "床", "+", "x" * 65])
def test_what_is_no_site(file: Path, site: str) -> None:
    assert problems(file, f'site = "{site}"\n') == [(1, "site")]


@pytest.mark.parametrize("zone", ["", "Mars/Base", "../etc/passwd", "/etc/localtime", "CST8"])
def test_what_is_no_zone(file: Path, zone: str) -> None:
    assert problems(file, f'timezone = "{zone}"\n') == [(1, "timezone")]


@pytest.mark.parametrize("topic", ["a/#", "#", "+", "a/+/b", "+/+", "/a", "a/"])
def test_topic_filters(file: Path, topic: str) -> None:
    assert good(file, f'[broker]\ntopics = ["{topic}"]\n').broker.topics == [topic]


@pytest.mark.parametrize("topic", ["", "a#", "a/#/b", "a+", "a/b+/c", "#/a", "++", "a b", "a\\u0000"])
def test_what_is_no_topic_filter(file: Path, topic: str) -> None:
    """A broker hangs up on a client that subscribes to one, again and again."""
    assert problems(file, f'[broker]\ntopics = ["x", "{topic}"]\n') == [(2, "broker.topics.1")]


_HOOK = '[[webhook]]\nname = "{}"\nurl = "https://x/y"\nsecret = "s"\n'


def test_webhooks(file: Path) -> None:
    assert len(good(file, _HOOK.format("a") + _HOOK.format("b")).webhook) == 2
    for text in (
        _HOOK.format("a") * 2,
        _HOOK.format("mqtt"),
        _HOOK.format("A b"),
        _HOOK.format("a").replace('"s"', '""'),
    ):
        assert isinstance(loaded(file, text), list)
    for url in ("ftp://x", "https://", "x"):
        assert problems(file, _HOOK.format("a").replace("https://x/y", url)) == [(3, "webhook.0.url")]


class TestEnvironment:
    """SHOUWANG_... wins over the file."""

    @pytest.fixture(autouse=True)
    def _environment(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.set = monkeypatch.setenv

    def test_it_overrides_one_key_and_leaves_its_neighbours(self, file: Path) -> None:
        self.set("SHOUWANG_API__PORT", "9000")
        self.set("SHOUWANG_DATABASE__DSN", "postgresql://env/db")
        self.set("SHOUWANG_SITE", "from-env")
        config = good(file, 'site = "from-file"\n[api]\nport = 1\nhost = "0.0.0.0"\ntoken = "t"\n')
        assert (config.site, config.api.port, config.api.host) == ("from-env", 9000, "0.0.0.0")  # noqa: S104
        assert config.api.secret() == "t"
        assert config.database.secret() == "postgresql://env/db"

    def test_lists_are_json(self, file: Path) -> None:
        self.set("SHOUWANG_REGISTRY", '["a.csv"]')
        assert good(file, "").registry == [file.parent / "a.csv"]

    def test_a_mistake_in_it_is_told_like_any_other(self, file: Path) -> None:
        self.set("SHOUWANG_REGISTRY", "a.csv")
        assert problems(file, "") == [(0, "environment")]

    def test_its_values_are_checked(self, file: Path) -> None:
        self.set("SHOUWANG_TIMEZONE", "Mars/Base")
        self.set("SHOUWANG_API__PORT", "http")
        self.set("SHOUWANG_API__COLOUR", "red")
        assert {what for _, what in problems(file, "")} == {"timezone", "api.port", "api.colour"}

    def test_variables_that_are_not_configuration_do_not_matter(self, file: Path) -> None:
        self.set("SHOUWANG_TEST_DSN", "postgresql://x/y")
        self.set("SHOUWANG_SHARED", "/somewhere")
        assert good(file, "") == good(file, "# nothing\n")


@pytest.mark.parametrize(
    "topic",
    [
        "dusun_pub",
        "bedroom-node/binary_sensor/sos_button/state",
        "z2m-floor1/btn1",
        "zigbee2mqtt_2/btn2",
        "bt/TG/BTtoMQTT/A4C138000001",
        "/devices/id_1/events",
        "zigbee2mqtt/floor 2/room 201/bed/left/action",
        "$oc/devices/d/sys/properties/report",
        *(topic.replace("+", "x").replace("#", "y/z") for f in FAMILIES.values() for topic in f.topics),
    ],
)
def test_without_a_word_every_device_is_heard(topic: str) -> None:
    """Whatever it calls itself, up to four levels; deeper, as the known families do."""
    native = topic.startswith("shouwang/")
    assert native or [one for one in vendor_topics() if matches(one, topic)]


def test_no_default_topic_is_covered_by_another_or_is_the_native_protocols() -> None:
    chosen = vendor_topics()
    for one in chosen:
        assert not overlap(one, "shouwang/v1/+/+/+")
        example = one.replace("+", "some-level").replace("#", "more/levels")
        assert [other for other in chosen if matches(other, example)] == [one]


@pytest.mark.parametrize(
    ("written", "ms"), [("0s", 0), ("60s", 60_000), ("5min", 300_000), ("1h", 3_600_000)]
)
def test_test_calls_are_made_as_often_as_is_said(file: Path, written: str, ms: int) -> None:
    assert good(file, f'[synthetic]\nevery = "{written}"').synthetic.every == ms


@pytest.mark.parametrize("written", ["59s", "2h", "soon"])
def test_test_calls_are_made_neither_too_often_nor_too_seldom(file: Path, written: str) -> None:
    assert problems(file, f'[synthetic]\nevery = "{written}"') == [(2, "synthetic.every")]


def test_test_calls_are_made_every_five_minutes_and_heard_without_a_word(file: Path) -> None:
    config = good(file, "")
    assert config.synthetic.every == 300_000
    assert config.broker.reads("shouwang/v1/home-1/shouwang-synthetic/event")
    only = good(file, '[broker]\nlife_safety_topics = ["zigbee2mqtt/#"]\ntopics = ["a/b"]')
    assert not only.broker.reads("shouwang/v1/home-1/shouwang-synthetic/event")
