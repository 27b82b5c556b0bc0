"""A picture of failovers: for each, the times of its events on one axis, as SVG."""

from __future__ import annotations

from html import escape

EVENTS = {
    "detection": "#f9a825",
    "fence": "#c62828",
    "storage": "#6a1b9a",
    "VM process": "#90caf9",
    "VM runs": "#1565c0",
    "guest answers": "#2e7d32",
}
WIDTH, LEFT, ROW, TOP = 960, 190, 56, 64
STYLE = "<style>text{font:13px sans-serif;fill:#222}.s{font-size:11px;fill:#666}.b{font-weight:600}</style>"


def step(span: float) -> float:
    """A round distance of marks on an axis of that length, for some ten of them."""
    return next(size for size in (0.5, 1, 2, 5, 10, 20, 30, 60, 120, 300, 600) if span / size <= 12 or size == 600)


def legend() -> list[str]:
    """The colours."""
    parts = []
    for place, (name, colour) in enumerate(EVENTS.items()):
        x = LEFT + place * 118
        parts.append(
            f'<circle cx="{x}" cy="38" r="5" fill="{colour}"/><text class="s" x="{x + 9}" y="42">{name}</text>'
        )
    return parts


def row(number: int, title: str, times: dict[str, float], scale: float) -> list[str]:
    """A line from the fault to the last event, with a mark for each event; the text above is its seconds."""
    y = TOP + number * ROW + 30
    end = LEFT + max(times.values(), default=0.0) * scale
    parts = [
        f'<text class="b" x="12" y="{y + 4}">{escape(title)}</text>',
        f'<line x1="{LEFT}" y1="{y}" x2="{end:.1f}" y2="{y}" stroke="#bbb" stroke-width="6" stroke-linecap="round"/>',
        f'<path d="M{LEFT - 5} {y - 6}l10 12m0 -12l-10 12" stroke="#222" stroke-width="2"/>',
    ]
    last = [-100.0, -100.0]
    for event, time in sorted(times.items(), key=lambda item: item[1]):
        x = LEFT + time * scale
        above = x - last[0] >= x - last[1]  # The side on which the last text is further away.
        last[0 if above else 1] = x
        parts.append(f'<circle cx="{x:.1f}" cy="{y}" r="6" fill="{EVENTS[event]}"><title>{event}</title></circle>')
        parts.append(
            f'<text class="s" x="{x:.1f}" y="{y - 10 if above else y + 20}" text-anchor="middle">{time:.1f}</text>'
        )
    return parts


def svg(title: str, rows: dict[str, dict[str, float]]) -> str:
    """The picture; each row has the seconds since the fault of some of EVENTS."""
    span = max((time for times in rows.values() for time in times.values()), default=1.0) * 1.05
    scale = (WIDTH - LEFT - 30) / span
    height = TOP + len(rows) * ROW + 40
    bottom = height - 28
    parts = [f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" role="img">', STYLE]
    parts += [
        f'<rect width="{WIDTH}" height="{height}" fill="#fff"/>',
        f'<text class="b" x="12" y="20">{escape(title)}</text>',
    ]
    parts += legend()
    for mark in range(int(span / step(span)) + 1):
        x = LEFT + mark * step(span) * scale
        parts.append(f'<line x1="{x:.1f}" y1="{TOP}" x2="{x:.1f}" y2="{bottom}" stroke="#eee"/>')
        parts.append(
            f'<text class="s" x="{x:.1f}" y="{bottom + 16}" text-anchor="middle">{mark * step(span):g} s</text>'
        )
    for number, (name, times) in enumerate(rows.items()):
        parts += row(number, name, times, scale)
    return "\n".join([*parts, "</svg>"]) + "\n"
