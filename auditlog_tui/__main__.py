"""`python -m auditlog_tui`, and the console script."""

try:
    from auditlog_tui import runtime

    runtime.prepare()

    from auditlog_tui.cli import run
except KeyboardInterrupt:
    import os

    os._exit(130)  # as `ExitStatus.INTERRUPTED`; modules that are half imported can't be relied on

if __name__ == "__main__":
    run()
