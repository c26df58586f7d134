# SPDX-License-Identifier: Apache-2.0
"""What mutate changes: the mutants of a file, and a text that has them all."""
import collections
import pathlib
import re

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent


class Mutant:
    def __init__(self, file, function, at, old, new):
        self.file, self.function, self.at = file, function, at
        self.old, self.new, self.fate, self.number = old, new, "", 0

    def key(self):
        return (f"{self.file} {self.function.name} | {self.old.strip()} | "
                f"{self.new.strip()}")


class Function:
    """Lines first..last of a file; the body begins behind line brace."""

    def __init__(self, clean, brace):
        first = brace
        while clean[first - 1].strip() and not re.match(
                r"[}#]|.*[;{}]$", clean[first - 1]):
            first -= 1
        last = brace
        while not clean[last].startswith("}"):
            last += 1
        self.first, self.brace, self.last, self.number = first, brace, last, 0
        self.head = " ".join(line.strip() for line in clean[first:brace])
        self.name = re.search(r"(\w+)\(", self.head).group(1)


# ---- making them -------------------------------------------------------------

SWAPS = [
    (r"(?<![<>=!+\-*/&|^])<=", ["<", ">"]), (r"(?<![<>\-=])>=", [">", "<"]),
    (r"(?<![<>=!])==(?!=)", ["!="]), (r"!=", ["=="]),
    (r"(?<= )<(?= )", ["<=", ">="]), (r"(?<= )>(?= )", [">=", "<="]),
    (r"&&", ["||"]), (r"\|\|", ["&&"]),
    (r"(?<= )\+(?= )", ["-"]), (r"(?<= )-(?= )", ["+"]),
    (r"(?<= )\*(?= )", ["+"]), (r"(?<= )/(?= )", ["*"]), (r"(?<= )%(?= )", ["/"]),
    (r"(?<= )<<(?= )", [">>"]), (r"(?<= )>>(?= )", ["<<"]),
    (r"(?<= )&(?= )", ["|"]), (r"(?<= )\|(?= )", ["&"]), (r"(?<= )\^(?= )", ["|"]),
    (r"\+=", ["-="]), (r"(?<!-)-=", ["+="]), (r"\|=", ["&="]), (r"&=", ["|="]),
    (r"\+\+", ["--"]), (r"(?<=\w)--", ["++"]),
    (r"!(?=[\w(])", [""]), (r"(?<=[ (])~(?=[\w(])", [""]),
    (r"(?<![\w.])0(?![\w.x])", ["1"]), (r"(?<![\w.])1(?![\w.])(?:u|ull)?", ["0", "2"]),
    (r"(?<![\w.])([2-9]|[1-9]\d+)(?![\w.])(?:u|ull)?", ["+1", "-1"]),
    (r"\btrue\b", ["false"]), (r"\bfalse\b", ["true"]),
    (r"\bRC_OK\b", ["RC_EINVAL"]), (r"\bRC_E\w+\b", ["RC_OK"]),
]


def without_comments(text):
    return re.sub(r"/\*.*?\*/", lambda m: re.sub(r"[^\n]", " ", m.group()),
                  text, flags=re.S).split("\n")


def of_line(line):
    """Lines that may stand in place of this one."""
    found = []
    if re.match(r"\s*(#|\*|static const|case |default:|\}|\{)", line):
        return found
    for pattern, news in SWAPS:
        for m in re.finditer(pattern, line):
            for new in news:
                if new in ("+1", "-1"):
                    new = f"({m.group()} {new[0]} 1)"
                found.append(line[:m.start()] + new + line[m.end():])
    m = re.match(r"(\s*(?:\} else )?(?:if|while) \()(.*)(\) \{)$", line)
    if m:
        for new in (f"!({m.group(2)})", "true", "false"):
            if not (new == "true" and "while" in m.group(1)):
                found.append(m.group(1) + new + m.group(3))
    if (re.match(r"\s+(?!return\b|const\b|u\d+\b|s\d+\b|bool\b|struct\b|enum\b"
                 r"|static\b)[\w(].*;$", line) and line.count("(") ==
            line.count(")")):
        found.append(re.match(r"\s*", line).group() + ";")
    return [new for new in dict.fromkeys(found) if new != line]


def mutants_of(file):
    clean = without_comments((ROOT / file).read_text(encoding="utf-8"))
    functions = [Function(clean, i) for i, line in enumerate(clean)
                 if line == "{"]
    return [Mutant(file, f, i, clean[i].rstrip(), new) for f in functions
            for i in range(f.brace + 1, f.last)
            for new in of_line(clean[i].rstrip())]


# ---- all in one text ---------------------------------------------------------

def call_of(function, number):
    """What hands a call on to the copy with the number."""
    inner = function.head[function.head.index("(") + 1:]
    depth, parts = 0, [""]
    for c in inner:
        depth += (c == "(") - (c == ")")
        if depth < 0:
            break
        if c == "," and depth == 0:
            parts.append("")
        else:
            parts[-1] += c
    names = [re.search(r"(\w+)(\[\w*\])?\s*$", p).group(1) for p in parts]
    given = "" if names == ["void"] else ", ".join(names)
    return f"return {function.name}__{number}({given});"


def copies(text, file, mutants):
    """The file with all its mutants: (text, number of the mutant in each
    line)."""
    clean, out = without_comments(text), []
    lines = text.split("\n")
    by_function = collections.defaultdict(list)
    for m in mutants:
        by_function[m.function.first].append(m)
    out.append(("extern int rf_mutant; extern unsigned char rf_reached[];", 0))
    at = 0
    while at < len(lines):
        if at not in by_function:
            out.append((lines[at], 0))
            at += 1
            continue
        those = by_function[at]
        f = those[0].function
        head = re.sub(r"\b(static|inline|extern|NO_INLINE|NO_RETURN|"
                      r"ALWAYS_INLINE)\b", "", f.head)
        for m in [None] + those:
            n = m.number if m else 0
            named = re.sub(rf"\b{f.name}\(", f"{f.name}__{n}(", head, count=1)
            out.append((f"__attribute__((noinline)) static {named}", n))
            out += [(m.new if m and m.at == i else clean[i], n)
                    for i in range(f.brace, f.last + 1)]
        out.append((f.head, 0))
        out.append((f"{{ rf_reached[{f.number}] = 1; switch (rf_mutant) {{", 0))
        out += [(f"case {m.number}: {call_of(f, m.number)}", 0) for m in those]
        out.append((f"}} {call_of(f, 0)} }}", 0))
        at = f.last + 1
    return "\n".join(line for line, _ in out), [n for _, n in out]
