# SPDX-License-Identifier: Apache-2.0
"""Bars as SVG: each system's instructions as a multiple of native Linux."""
import rows as R

COLOUR = {"native": "#7a8794", "ringfence": "#2b6cb0", "xen": "#c05621"}
LABEL = {"native": "native Linux", "ringfence": "Ringfence", "xen": "Xen 4.17"}
BAR = 11    # height
GAP = 12    # between rows
LEFT = 250  # for the rows' names
WIDE = 460  # for the longest bar
TOP = 64


def escape(text):
    return text.replace("&", "&amp;").replace("<", "&lt;")


def text_at(x, y, text, anchor="start", size=12, extra=""):
    return (f'<text x="{x:.1f}" y="{y:.1f}" font-size="{size}" '
            f'text-anchor="{anchor}"{extra}>{escape(text)}</text>')


def bars(title, v, keys, what, names=("native", "ringfence", "xen")):
    """One picture: a group of bars a key, each `what` over native's."""
    ratio = {k: {n: v[n][k][what] / v["native"][k][what] for n in names}
             for k in keys}
    longest = max(max(r.values()) for r in ratio.values())
    scale = WIDE / longest
    step = len(names) * BAR + GAP
    height = TOP + step * len(keys) + 24
    out = [f'<svg xmlns="http://www.w3.org/2000/svg" '
           f'viewBox="0 0 {LEFT + WIDE + 70} {height}" '
           f'font-family="sans-serif" fill="#1a202c">',
           '<rect width="100%" height="100%" fill="#ffffff"/>',
           text_at(12, 24, title, size=15, extra=' font-weight="bold"')]
    for i, name in enumerate(names):
        x = 12 + 130 * i
        out.append(f'<rect x="{x}" y="36" width="12" height="12" '
                   f'fill="{COLOUR[name]}"/>')
        out.append(text_at(x + 18, 46, LABEL[name]))
    for mark in range(1, int(longest) + 1):
        x = LEFT + mark * scale
        out.append(f'<line x1="{x:.1f}" x2="{x:.1f}" y1="{TOP - 6}" '
                   f'y2="{height - 20}" stroke="#cbd5e0"/>')
        out.append(text_at(x, height - 6, str(mark), "middle", 10))
    for i, key in enumerate(keys):
        y = TOP + i * step
        out.append(text_at(LEFT - 8, y + step / 2, R.TITLE[key], "end"))
        for j, name in enumerate(names):
            long = ratio[key][name] * scale
            out.append(f'<rect x="{LEFT}" y="{y + j * BAR}" '
                       f'width="{long:.1f}" height="{BAR - 1}" '
                       f'fill="{COLOUR[name]}"/>')
            out.append(text_at(LEFT + long + 4, y + j * BAR + 9,
                               f"{ratio[key][name]:.2f}", size=9))
    return "\n".join([*out, "</svg>", ""])


def all_plots(v, folder):
    both = [k for k, _, _ in R.ROWS if all(k in system for system in
                                           v.values())]
    for group, file in ((R.PROCESSES, "processes"), (R.SWITCHES, "switches"),
                        (R.MEMORY, "memory"), (R.TRAFFIC, "traffic")):
        keys = [k for k in both if R.GROUP[k] == group]
        for what, end in (("instructions", ""), ("cycles", "-cycles")):
            title = f"{group}: {what}, times native"
            title += " (estimate)" if what == "cycles" else ""
            with open(f"{folder}/{file}{end}.svg", "w") as f:
                f.write(bars(title, v, keys, what))
