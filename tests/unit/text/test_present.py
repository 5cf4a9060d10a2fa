from auditlog_tui.text import present


def test_every_name_that_is_promised_is_there() -> None:
    assert [name for name in present.__all__ if not hasattr(present, name)] == []
    assert present.safe("\x1b") == "␛"
