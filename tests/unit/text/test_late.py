import re
import subprocess
import sys

import pytest

from auditlog_tui.text.late import late_pattern


def test_a_late_pattern_is_used_like_any_other() -> None:
    found = late_pattern(r"a(\d)", re.IGNORECASE)
    assert [match[1] for match in found.finditer("A1 a2")] == ["1", "2"]
    assert found.fullmatch("A1")
    assert not found.fullmatch("b1")
    assert (found.pattern, found.sub("", "a1b")) == (r"a(\d)", "b")
    with pytest.raises(re.error):
        late_pattern("(").match("")


def test_the_filter_language_compiles_no_pattern_of_times_before_one_is_typed() -> None:
    code = (
        "import re._compiler as c; compiled = []; real = c.compile;"
        " c.compile = lambda pattern, flags=0: (compiled.append(str(pattern)), real(pattern, flags))[1];"
        " import auditlog_tui.query as query; before = len(compiled); query.parse('last:24h created:>=yesterday');"
        " print(any('yesterday' in each or 'ago' in each for each in compiled[:before]), len(compiled) > before)"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert found.stdout.split() == ["False", "True"]
