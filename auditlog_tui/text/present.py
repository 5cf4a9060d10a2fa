"""Everything that turns data into what a person sees, under one name."""

from __future__ import annotations

from auditlog_tui.text.cells import cell_width, fit, shorten_end, shorten_middle
from auditlog_tui.text.defang import defang
from auditlog_tui.text.glyphs import (
    ASCII,
    UNICODE,
    Glyphs,
    Severity,
    StatusKind,
    StatusMark,
    action_severity,
    actor_glyph,
    glyphs_for,
    status_mark,
)
from auditlog_tui.text.safe import LIMIT, safe, safe_lines
from auditlog_tui.text.times import (
    Mode,
    age,
    count,
    counted,
    day,
    distance,
    format_time,
    format_time_exact,
    local_zone,
    repeated_offset,
    zone_label,
    zone_labels,
)
from auditlog_tui.text.zones import read_zone, time_displays

__all__ = [
    "ASCII",
    "LIMIT",
    "UNICODE",
    "Glyphs",
    "Mode",
    "Severity",
    "StatusKind",
    "StatusMark",
    "action_severity",
    "actor_glyph",
    "age",
    "cell_width",
    "count",
    "counted",
    "day",
    "defang",
    "distance",
    "fit",
    "format_time",
    "format_time_exact",
    "glyphs_for",
    "local_zone",
    "read_zone",
    "repeated_offset",
    "safe",
    "safe_lines",
    "shorten_end",
    "shorten_middle",
    "status_mark",
    "time_displays",
    "zone_label",
    "zone_labels",
]
