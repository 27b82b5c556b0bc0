"""A picture of failovers: for each, the times of its events on one axis, as SVG."""

from __future__ import annotations

from html import escape

EVENTS = {
    "detection": "#f9a825",
    "fence": "#c62828",
    "storage": "#6a1b9a",
    "VM process": "#29b6f6",
    "VM runs": "#1565c0",
    "guest answers": "#2e7d32",
}
WIDTH, LEFT, ROW, TOP, COLUMN = 960, 190, 56, 64, 118
STYLE = "<style>text{font:13px sans-serif;fill:#222}.s{font-size:11px;fill:#666}.b{font-weight:600}</style>"


def step(span: float) -> float:
    """A round distance of marks on an axis of that length, for some ten of them."""
    return next(size for size in (0.5, 1, 2, 5, 10, 20, 30, 60, 120, 300, 600) if span / size <= 12 or size == 600)


def legend() -> list[str]:
    """The colours."""
    parts = []
    for place, (name, colour) in enumerate(EVENTS.items()):
        x = LEFT + place * COLUMN
        parts.append(
            f'<circle cx="{x}" cy="38" r="5" fill="{colour}"/><text class="s" x="{x + 9}" y="42">{name}</text>'
        )
    return parts


def row(number: int, title: str, times: dict[str, float], scale: float) -> list[str]:
    """A line from the fault to the last event, with a mark for each event, and their seconds below."""
    y = TOP + number * ROW + 20
    end = LEFT + max(times.values(), default=0.0) * scale
    parts = [
        f'<text class="b" x="12" y="{y + 4}">{escape(title)}</text>',
        f'<line x1="{LEFT}" y1="{y}" x2="{end:.1f}" y2="{y}" stroke="#bbb" stroke-width="6" stroke-linecap="round"/>',
        f'<path d="M{LEFT - 5} {y - 6}l10 12m0 -12l-10 12" stroke="#222" stroke-width="2"/>',
    ]
    for place, (event, colour) in enumerate(EVENTS.items()):
        if event in times:
            x = LEFT + times[event] * scale
            parts.append(f'<circle cx="{x:.1f}" cy="{y}" r="6" fill="{colour}"><title>{event}</title></circle>')
            text = f'x="{LEFT + place * COLUMN + 9}" y="{y + 22}" style="fill:{colour}"'
            parts.append(f'<text class="s" {text}>{times[event]:.1f} s</text>')
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
