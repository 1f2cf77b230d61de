"""The figures as text and as one HTML file.

Never computes; what is None is shown as a dash.
"""

from html import escape

COLUMNS = (
    ("CPU us", "cpu_us", "{:.2f}"),
    ("min", "cpu_us_min", "{:.2f}"),
    ("user", "user_us", "{:.2f}"),
    ("system", "system_us", "{:.2f}"),
    ("rate/s", "rate", "{:.0f}"),
    ("p50 ms", "p50_ms", "{:.3f}"),
    ("p99 ms", "p99_ms", "{:.3f}"),
)
FIRST = (("first p50", "first_p50_ms", "{:.3f}"), ("first p99", "first_p99_ms", "{:.3f}"))


def rows(found, scenario, bases):
    """Header and rows of one scenario, all text."""
    columns = COLUMNS + (FIRST if scenario.unit == "event" else ())
    header = ["", *(title for title, _, _ in columns), *(f"/{base}" for base in bases), "spread"]
    table = []
    for name, figures in found.items():
        row = [name]
        for _, key, form in columns:
            row.append(_shown(figures[key], form))
        for base in bases:
            ratio = 1.0 if base == name else figures["ratios"].get(base)
            row.append(_shown(ratio, "{:.2f}"))
        row.append(_shown(figures["spread"], "{:.0%}"))
        if figures["failed"]:
            row.append(f"{figures['failed']} FAILED")
        table.append(row)
    return header, table


def text(bench):
    """All tables for a terminal."""
    out = [_title(bench), ""]
    for why in bench["noise"]:
        out.append(f"NOISY: {why}")
    for scenario in bench["scenarios"]:
        header, table = rows(bench["figures"][scenario.name], scenario, bench["bases"])
        out += ["", f"{scenario.name}: {scenario.says} (CPU per {scenario.unit})"]
        widths = [max(len(row[at]) for row in [header, *table]) for at in range(len(header))]
        for row in [header, *table]:
            cells = [
                cell.ljust(widths[at]) if at == 0 else cell.rjust(widths[min(at, len(widths) - 1)])
                for at, cell in enumerate(row)
            ]
            out.append("  " + "  ".join(cells).rstrip())
    out.append("")
    if bench["left_out"]:
        out.append(f"settings this version of tidegate does not have: {', '.join(bench['left_out'])}")
    for name, install in bench["missing"].items():
        out.append(f"not measured: {name} ({install})")
    return "\n".join(out) + "\n"


def html(bench):
    """All tables as a page that fetches nothing."""
    parts = [
        "<!doctype html><html lang=en><meta charset=utf-8><title>tidegate bench</title><style>"
        "body{font:15px system-ui,sans-serif;max-width:75em;margin:2em auto;padding:0 1em}"
        "table{border-collapse:collapse;margin:1em 0}td,th{padding:.2em .7em;text-align:right;"
        "border-bottom:1px solid #ddd}td:first-child{text-align:left}.noisy{color:#b00020}"
        ".bar{display:inline-block;height:.7em;background:#1769aa}</style>",
        f"<h1>Side by side</h1><p>{escape(_title(bench))}</p>",
        f"<p><code>{escape(bench['command'])}</code></p>",
    ]
    parts += [f"<p class=noisy>Noisy: {escape(why)}</p>" for why in bench["noise"]]
    for scenario in bench["scenarios"]:
        found = bench["figures"][scenario.name]
        header, table = rows(found, scenario, bench["bases"])
        most = max((f["cpu_us"] or 0 for f in found.values()), default=0) or 1
        says = f"{scenario.name}: {scenario.says} (CPU per {scenario.unit})"
        parts.append(f"<h2>{escape(says)}</h2><table><tr>")
        parts += [f"<th>{escape(cell)}" for cell in [*header, ""]]
        for row, figures in zip(table, found.values(), strict=True):
            parts.append("<tr>" + "".join(f"<td>{escape(cell)}" for cell in row))
            width = (figures["cpu_us"] or 0) / most * 200
            parts.append(f'<td style="text-align:left"><span class=bar style="width:{width:.0f}px">')
            parts.append("</span>")
        parts.append("</table>")
    if bench["left_out"]:
        lacks = escape(", ".join(bench["left_out"]))
        parts.append(f"<p>Settings this version of tidegate does not have: {lacks}.</p>")
    missing = [f"{escape(name)} ({escape(how)})" for name, how in bench["missing"].items()]
    parts.append(f"<p>Not measured: {', '.join(missing) or 'nobody'}.</p></html>\n")
    return "".join(parts)


def _title(bench):
    machine = bench["machine"]
    return (
        f"{machine['date']}, {machine['cpu']}, {machine['cores']} cores, Linux {machine['kernel']}; "
        f"{bench['rounds']} interleaved rounds of {bench['seconds']:g} s; contender on core(s) "
        f"{bench['cores']['contender']}, load and mock on {bench['cores']['load']}"
    )


def _shown(value, form):
    return "-" if value is None else form.format(value)
