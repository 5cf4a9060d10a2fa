from pathlib import Path

import pytest

from auditlog_tui import __version__, cli
from auditlog_tui.entries.contract import KEY_VARIABLE
from auditlog_tui.settings.connection import DEFAULT_BASE_URL
from auditlog_tui.settings.options import OPTIONS, Option, Settings
from auditlog_tui.ui.app import AuditLogApp

KEY = "nirvana-key-0123456789"


class Browsed(list[tuple[Settings, str]]):
    """The arguments with which the screen was to be started."""


@pytest.fixture(autouse=True)
def config(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    for option in OPTIONS:
        monkeypatch.delenv(option.variable, raising=False)
    monkeypatch.setenv(KEY_VARIABLE, KEY)
    path = tmp_path / "settings" / "config.toml"
    monkeypatch.setattr(cli, "config_path", lambda: path)
    return path


@pytest.fixture
def browsed(monkeypatch: pytest.MonkeyPatch) -> Browsed:
    found = Browsed()

    def browse(settings: Settings, text: str) -> int:
        found.append((settings, text))
        return 0

    monkeypatch.setattr(cli, "_browse", browse)
    return found


def test_without_arguments_the_whole_log_is_browsed(browsed: Browsed) -> None:
    assert cli.main([]) == 0
    ((settings, text),) = browsed
    assert (settings.base_url, settings.demo, text) == (DEFAULT_BASE_URL, False, "")


def test_flags_variables_and_the_file_come_together(
    browsed: Browsed, config: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config.parent.mkdir()
    config.write_text('zone = "local"\ntheme = "nord"\nbase_url = "https://file.example"\n')
    monkeypatch.setenv("AUDITLOG_TUI_THEME", "dracula")
    monkeypatch.setenv("NIRVANA_LABS_BASE_URL", "https://variable.example")
    assert cli.main(["--base-url", "https://flag.example"]) == 0
    ((settings, _),) = browsed
    assert (settings.zone, settings.theme, settings.base_url) == ("local", "dracula", "https://flag.example")


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (["status:>=400 last:24h"], "status:>=400 last:24h"),
        (["status:>=400", "last:24h"], "status:>=400 last:24h"),
        (["-path:/health", "status:500"], "-path:/health status:500"),
        (["status:500", "--zone", "local", "-path:/health"], "status:500 -path:/health"),
        (["--zone=local", "--", "--force"], "--force"),
    ],
)
def test_the_words_are_the_filter_to_begin_with(arguments: list[str], text: str, browsed: Browsed) -> None:
    assert cli.main(arguments) == 0
    assert browsed[0][1] == text


def test_the_demo_needs_no_key(browsed: Browsed, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(KEY_VARIABLE)
    assert cli.main(["--demo"]) == 0
    assert browsed[0][0].demo


def test_what_is_missing_is_said_with_status_2(
    browsed: Browsed, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv(KEY_VARIABLE)
    assert cli.main([]) == 2
    said = capsys.readouterr()
    assert "auditlog-tui needs an API key" in said.err
    assert said.out == ""
    assert browsed == []


@pytest.mark.parametrize("flag", ["--nonsense", f"--api-key={KEY}", f"--key={KEY}", f"--key-fil={KEY}"])
def test_a_flag_that_there_is_not_is_named_and_its_value_is_not(
    flag: str, browsed: Browsed, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        cli.main([flag])
    said = capsys.readouterr().err
    assert ended.value.code == 2
    assert flag.partition("=")[0] in said
    assert KEY not in said
    assert browsed == []


def test_no_mouse_takes_no_value(browsed: Browsed) -> None:
    cli.main(["--no-mouse", "mars"])
    ((settings, text),) = browsed
    assert (settings.mouse, text) == (False, "mars")


CHOICES = [option for option in OPTIONS if option.choices and not option.switch]


@pytest.mark.parametrize("option", CHOICES, ids=lambda option: option.name)
def test_a_wrong_value_is_refused_naming_the_flag(
    option: object, browsed: Browsed, capsys: pytest.CaptureFixture[str]
) -> None:
    flag = getattr(option, "flag")  # noqa: B009  # pytest's ids make it an object
    with pytest.raises(SystemExit) as ended:
        cli.main([flag, "mars"])
    assert ended.value.code == 2
    assert f"{flag}: invalid choice: 'mars'" in capsys.readouterr().err


WRONG = {"profile": "none", "key_file": "/no/such/file", "key_command": "/no/such/program",
         "base_url": "ftp://x", "zone": "mars", "theme": "mars", "columns": "mars",
         "parallel": "17", "mmdb": "/no/such/file"}  # fmt: skip
"""Values that options without choices refuse."""


@pytest.mark.parametrize("source", ["flag", "variable", "file"])
@pytest.mark.parametrize("option", OPTIONS, ids=lambda option: option.name)
def test_a_wrong_value_is_refused_naming_where_it_comes_from(
    option: Option, source: str, config: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """From a flag, a variable, or the settings file and its key; also where only the screen can check it."""
    monkeypatch.setattr(cli, "_check_terminal", lambda: None)
    monkeypatch.setattr(AuditLogApp, "run", lambda *_, **__: pytest.fail("the value was taken"))
    if option.name in ("key_file", "key_command") and source != "flag":
        monkeypatch.delenv(KEY_VARIABLE)  # it overrides them
    wrong = WRONG[option.name] if not option.choices else "mars"
    arguments = []
    match source:
        case "flag":
            arguments = [option.flag, wrong] if not option.switch else [f"{option.flag}={wrong}"]
        case "variable":
            monkeypatch.setenv(option.variable, wrong)
        case "file":
            config.parent.mkdir()
            config.write_text(f'{option.name} = "{wrong}"')
    named = {"flag": option.flag, "variable": option.variable, "file": f"{config}: {option.name}"}[source]
    try:
        status = cli.main(arguments)
    except SystemExit as ended:  # argparse's own
        status = int(str(ended.code))
    assert status == 2
    assert named in capsys.readouterr().err


@pytest.mark.parametrize("command", ["list", "follow"])
def test_columns_of_a_table_are_refused_naming_their_variable(
    command: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("AUDITLOG_TUI_COLUMNS", "mars")
    assert cli.main([command, "--demo"]) == 2
    assert capsys.readouterr().err.startswith("AUDITLOG_TUI_COLUMNS: There is no column 'mars'.")


def test_a_file_that_is_not_encrypted_enough_is_named(
    browsed: Browsed, config: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config.parent.mkdir()
    config.write_text('base_url = "http://api.example"')
    assert cli.main([]) == 2
    assert capsys.readouterr().err.startswith(f"{config}: base_url: http://api.example is not encrypted")


def test_a_mistake_in_the_file_is_said(browsed: Browsed, config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    config.parent.mkdir()
    config.write_text('zon = "local"')
    assert cli.main(["--demo"]) == 2
    assert "Did you mean zone?" in capsys.readouterr().err
    assert browsed == []


def test_help_names_every_flag_with_its_variable(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        cli.main(["--help"])
    said = " ".join(capsys.readouterr().out.split())
    assert ended.value.code == 0
    for option in OPTIONS:
        assert option.flag in said
        assert option.variable in said
    assert KEY not in said


@pytest.mark.parametrize("command", [[], ["list"], ["get"], ["count"], ["follow"]])
def test_every_help_lists_the_commands_with_an_example(
    command: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        cli.main([*command, "--help"])
    said = capsys.readouterr().out
    assert ended.value.code == 0
    for example in (
        "list 'status:>=400'",
        "count 'action:*.deleted",
        "follow 'status:>=400'",
        "get 123e4567",
        "config init",
        "paths ",
    ):
        assert f"auditlog-tui {example}" in said
    assert ("the entry's ID" in said) == (command == ["get"])
    assert ("a filter to begin with" in said) != (command == ["get"])


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["list", "-n", "3"], "there is no option -n; did you mean --limit?"),
        (["list", "-n3"], "there is no option -n3; did you mean --limit?"),
        (["list", "-l", "status:403"], "there is no option -l; did you mean --limit?"),
        (["list", "-o", "json"], "there is no option -o; did you mean --format?"),
        (["list", "-f", "csv"], "there is no option -f; did you mean --format?"),
        (["list", "-format", "csv"], "there is no option -format; did you mean --format?"),
        (["count", "-i"], "there is no option -i."),
        (["follow", "-f", "csv"], "there is no option -f; did you mean --format?"),
        (["follow", "--last", "-1"], "argument -n/--last: '-1' is not a whole number from 0 up"),
        (["list", "--until", "10m"], "unrecognized arguments: --until"),
        (["count", "-n", "3"], "there is no option -n."),
        (["count", "-v"], """A word to leave out goes in quotes: '-"v"'"""),
        (["-n", "3"], "there is no option -n."),
        (["-zone", "local"], "there is no option -zone; did you mean --zone?"),
        (["list", "--theme", "no-such-theme"], "--theme is for the browser"),
        (["--theme", "nord", "count"], "--theme is for the browser"),
        (["list", "--scroll", "redraw"], "--scroll is for the browser"),
        (["get", "1", "--mmdb", "a.mmdb"], "--mmdb is for the browser"),
        (["list", "--no-mouse"], "--no-mouse is for the browser"),
        (["count", "--columns", "ip"], "--columns is for the browser, and for the table of list"),
        (["get", "x", "--columns", "ip"], "--columns is for the browser"),
        (["list", "--format", "csv", "--columns", "ip"], "--columns is for the browser"),
    ],
)
def test_an_option_that_there_is_not_is_no_word(
    arguments: list[str], said: str, browsed: Browsed, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        cli.main(arguments)
    assert ended.value.code == 2
    assert said in capsys.readouterr().err
    assert browsed == []


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["count", "--prallel", "4"], "--prallel; did you mean --parallel?"),
        (["count", f"--prallel={KEY}"], "--prallel=…; did you mean --parallel?"),
        (["--demmo"], "--demmo; did you mean --demo?"),
        (["list", "--limt", "4"], "did you mean --limit?"),
        (["collect", "archive", "--compct"], "did you mean --compact?"),
        (["verify", "a.zip", "--manifst", "0"], "did you mean --manifest?"),
        (["log", "a.db", "--digst", "0"], "did you mean --digest?"),
        (["count", "--par", "4"], "did you mean --parallel?"),
        (["--key", "a"], "did you mean --key-file or --key-command?"),
        (["count", "--limit", "4"], "--limit is for list, follow"),
        (["--out", "a.csv"], "--out is for export"),
        (["count", "--nothing-like-it"], "auditlog-tui count --help lists the options"),
    ],
)
def test_an_unknown_option_says_what_may_be_meant(
    arguments: list[str], said: str, browsed: Browsed, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        cli.main(arguments)
    told = capsys.readouterr().err
    assert (ended.value.code, browsed) == (2, [])
    assert said in told.replace("\n", " ")
    assert KEY not in told


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["lst"], "Did you mean list?"),
        (["help", "lst"], "Did you mean help list?"),
        (["lists", "status:403"], "Did you mean list?"),
        (["--demo", "cuont"], "Did you mean count?"),
        (["cofnig", "init"], "Did you mean config?"),
        (["config"], "auditlog-tui config init writes"),
        (["paths", "marks"], "auditlog-tui paths writes where"),
        (["--demo", "paths", "marks"], "auditlog-tui paths writes where"),
        (["pahts"], "Did you mean paths?"),
        (["folow", "status:403"], "Did you mean follow?"),
        (["follows"], "Did you mean follow?"),
        (["config", "show"], "auditlog-tui config init writes"),
    ],
)
def test_a_command_with_a_slip_is_asked_about(
    arguments: list[str], said: str, browsed: Browsed, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(arguments) == 2
    assert said in capsys.readouterr().err
    assert browsed == []


@pytest.mark.parametrize("arguments", [["--", "lst"], ['"lst"'], ["-lst"], ["las"], ["terraform"], ["lst x"]])
def test_a_word_like_a_command_can_be_searched_for(arguments: list[str], browsed: Browsed) -> None:
    assert cli.main(arguments) == 0
    assert browsed[0][1] == arguments[-1]


@pytest.mark.parametrize(
    "arguments",
    [
        ["--zone", "local", "count", "status:403", "x"],
        ["--zone=local", "--trust-env", "no", "count", "status:403", "x"],
        ["count status:403", "x", "--zone", "local"],
    ],
)
def test_settings_may_stand_before_the_command(
    arguments: list[str], monkeypatch: pytest.MonkeyPatch, browsed: Browsed
) -> None:
    found: list[tuple[Settings, str, str]] = []

    def write(settings: Settings, command: str, text: str, _: object) -> int:
        found.append((settings, command, text))
        return 0

    monkeypatch.setattr(cli, "_print", write)
    assert cli.main(arguments) == 0
    ((settings, command, text),) = found
    assert (settings.zone, command, text) == ("local", "count", "status:403 x")
    assert browsed == []


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["config", "--help"], "usage: auditlog-tui config init"),
        (["config", "init", "-h"], "usage: auditlog-tui config init"),
        (["help", "config"], "usage: auditlog-tui config init"),
        (["help", "paths"], "usage: auditlog-tui paths"),
    ],
)
def test_the_help_of_commands_without_settings(
    arguments: list[str], said: str, config: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(arguments) == 0
    assert capsys.readouterr().out.startswith(said)
    assert not config.exists()


@pytest.mark.parametrize("command", ["", "list", "get", "count", "export", "follow", "help"])
def test_help_may_stand_before_a_command(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        cli.main(["help", *filter(None, [command])])
    assert ended.value.code == 0
    prefix = f"usage: auditlog-tui {command} [-h]" if command not in ("", "help") else "usage: auditlog-tui [-h]"
    assert capsys.readouterr().out.startswith(prefix)


def test_a_word_after_help_can_be_searched_for(browsed: Browsed) -> None:
    assert cli.main(["help", "me"]) == 0
    assert browsed[0][1] == "help me"


def test_the_version(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        cli.main(["--version"])
    assert ended.value.code == 0
    assert capsys.readouterr().out == f"auditlog-tui {__version__}\n"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([], "it takes one of --out FILE (- is standard output) and --bundle FILE"),
        (["--out", "a", "--bundle", "b"], "it takes one of --out FILE"),
        (["--bundle", "b", "--format", "csv"], "--format is for --out"),
        (["--out", "a", "--with-context", "5m"], "--with-context is for --marked"),
        (["--out", "-", "--by", "Jo"], "--with-context, --by and --incomplete are for a file"),
        (["--out", "-", "--incomplete"], "--with-context, --by and --incomplete are for a file"),
        (["--out", "a", "--format", "table"], "invalid choice: 'table'"),
        (["--out", "a", "--columns", "ip"], "--columns is for the browser"),
        (["--out", "a", "--limit", "3"], "unrecognized arguments: --limit"),
        (["--out", "a", "--marked", "--with-context", "soon"], "--with-context soon: this is not a length of time."),
        (["--out", "a", "nonsense:1"], "nonsense"),
        (["--out", "a.zip"], "a.zip has the name of a bundle: write --bundle"),
        (
            ["--demo", "--out", "a.foo"],
            "no format has the ending .foo, so nothing was written.\nUse one of .jsonl,",
        ),
        (["--demo", "--out", "a.jsonl.gz"], "say --format with any name: jsonl, csv"),
        (["--out", "~nobody-of-this-name/a"], "there is no such user"),
        (["--demo", "--out", "nowhere/a.csv"], "There is no folder nowhere."),
        (["--demo", "--out", "a", "--marked"], "No entry is marked at http"),
    ],
)
def test_options_of_export_that_do_not_go_together_are_told(
    arguments: list[str],
    said: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    try:
        status: object = cli.main(["export", *arguments])
    except SystemExit as ended:
        status = ended.code
    assert status == 2
    assert said in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("flags", "begins"),
    [
        (["--out", "a.csv"], "id,created_at"), (["--out", "A.CSV"], "id,created_at"), (["--out", "a.md"], "| time"),
        (["--out", "a.ecs.jsonl"], '{"@timestamp"'), (["--out", "a.csv", "--format", "jsonl"], '{"id"'),
        (["--out", "a.jsonl"], '{"id"'), (["--out", "a"], '{"id"'), (["--out=~/a.md"], "| time"),
    ],
)  # fmt: skip
@pytest.mark.usefixtures("small_demo")
def test_the_format_of_an_export_is_what_its_file_ends_in(
    flags: list[str], begins: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    assert cli.main(["export", "--demo", "status:>=500 last:24h", *flags]) == 0
    (path,) = [each for each in tmp_path.iterdir() if each.is_file()]
    assert path.name == flags[0].rpartition("/")[2] if len(flags) == 1 else flags[1]
    assert path.read_text().startswith(begins)


def test_a_settings_file_is_begun_and_never_overwritten(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["config", "init"]) == 0
    assert str(config) in capsys.readouterr().out
    config.write_text("# mine")
    assert cli.main(["--zone", "local", "config", "init"]) == 2
    assert "is there already" in capsys.readouterr().err
    assert config.read_text() == "# mine"


def test_the_browser_needs_a_terminal(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.__stdin__", None)
    assert cli.main(["--demo"]) == 2
    assert "needs a terminal" in capsys.readouterr().err


def test_ctrl_c_before_there_is_a_screen_is_no_crash(monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(*_: object) -> int:
        raise KeyboardInterrupt

    monkeypatch.setattr(cli, "_browse", interrupt)
    assert cli.main(["--demo"]) == 130


def test_paths_names_every_file_and_makes_none(
    config: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    assert cli.main(["paths"]) == 0
    assert capfd.readouterr().out.splitlines() == [
        f"settings  {config}",
        f"marks     {tmp_path / 'state' / 'auditlog-tui' / 'marks-*.sqlite3'}",
        f"history   {tmp_path / 'state' / 'auditlog-tui' / 'history'}",
        f"history   {tmp_path / 'state' / 'auditlog-tui' / 'history-*'}",
        "case      where --case says",
    ]
    assert not (tmp_path / "state").exists()
