# SPDX-License-Identifier: Apache-2.0
"""What is asked of a boot: see tests/attack/run."""
import re
from collections import Counter

MARK = 0x41000000
OK = re.compile(r"ATTACK (\w+\.\d+) expect=(\S+) got=(\S+) ok "
                r"ms=(\d+) refused=(\d+)")
BAD = re.compile(r"ATTACK (\w+\.\d+) (expect=.*FAILED: .*)")
RAN = re.compile(r"ATTACK ran (\w+\.\d+) (\d+)")
COUNTS = re.compile(r"ATTACK refusals refused=(\d+)(.*)|"
                    r"VICTIM (?:un)?harmed:.* refused=(\d+)(.*)")
HOST_FAULT = re.compile(r"panic|frozen|frame auditor: .*(fault|wrong)|CHECK")
NO_FAULT = re.compile(r"frame auditor: .*\b0 faults")
RECORD = re.compile(r"\S+ #(\d+) (\S+) +(\S+) *(.*)")


def families():
    """Family of each action: the headings of actions.def."""
    family, of = "", {}
    with open("guests/attack/actions.def", encoding="utf-8") as f:
        for line in f:
            heading = re.match(r"/\* (?!clang-format)(.+) \*/", line)
            row = re.match(r'(?:ACTION|PAIR)\("([^"]+)", *(\w+)', line)
            if heading:
                family = heading[1]
            elif row:
                of[row[1]] = (family, row[2])
    return of


class Row:
    def __init__(self):
        self.actions = self.failed = self.ms = 0


class Score:
    def __init__(self, seed):
        self.seed = seed
        self.passed = 0
        self.failed = 0
        self.table = {}
        self.families = families()

    def row(self, mode, family):
        return self.table.setdefault((mode, family), Row())

    def say(self, ok, text):
        self.passed += ok
        self.failed += not ok
        if not ok:
            print(f"not ok - {text}", flush=True)

    def action(self, mode, name, faults, ms, times=1):
        """One action in one mode; faults is what was wrong with it."""
        row = self.row(mode, self.families.get(name, (mode,))[0])
        row.actions += times
        row.ms += ms
        row.failed += len(faults) != 0
        self.say(not faults, f"{mode} {name}: " + "; ".join(faults) +
                 f"\n    again: make attack {self.again(mode)} A={name}")

    def again(self, mode):
        word, _, vcpus = mode.partition("-")
        return (f"MODE={word}" + (f" VCPUS={vcpus}" if vcpus else "") +
                (f" SEED={self.seed}" if word in ("race", "soup", "exact") else
                 ""))


class Silent:
    def line(self, line):
        pass


class Progress:
    """A line when a family is through, and every tenth of the soup."""

    def __init__(self, name, score):
        self.name = name
        self.score = score
        self.family = None
        self.count = self.ms = 0
        self.tenths = 0

    def flush(self):
        if self.family is not None:
            print(f"{self.name:8} {self.family:26} {self.count:5} actions "
                  f"{self.ms / 1000:6.1f} s", flush=True)
        self.count = self.ms = 0

    def line(self, line):
        if line.tenant != "attack":
            return
        found = OK.match(line.text)
        if found:
            family = self.score.families.get(found[1], ("others",))[0]
            if family != self.family:
                self.flush()
                self.family = family
            self.count += 1
            self.ms += int(found[4])
        elif BAD.match(line.text):
            print(f"{self.name:8} {line.text[:150]}", flush=True)
        elif line.text.startswith("ATTACK done"):
            self.flush()
        step = re.match(r"ATTACK soup step=(\d+) of=(\d+)", line.text)
        if step and int(step[1]) * 10 // int(step[2]) > self.tenths:
            self.tenths = int(step[1]) * 10 // int(step[2])
            print(f"{self.name:8} {step[1]} of {step[2]} steps", flush=True)


# ---- the audit log ---------------------------------------------------------


class Log:
    """What the records say, by tenant."""

    def __init__(self, records):
        self.life = Counter()
        self.refused = {}  # tenant: Counter of classes
        self.marks = {}  # place in the table of actions: refusals so far
        self.crashes = {}
        self.strange = []
        so_far = Counter()
        for record in records:
            found = RECORD.match(record)
            if not found:
                continue
            _, who, event, rest = found.groups()
            if event == "guest-refused":
                more = re.search(r"\(and (\d+) more\)", rest)
                so_far[who] += 1 + (int(more[1]) if more else 0)
                nr = re.match(r"nr=(\d+)", rest)
                if nr and int(nr[1]) >= MARK:
                    self.marks[int(nr[1]) - MARK] = so_far[who]
            elif event == "refusal-summary":
                counts = self.refused.setdefault(who, Counter())
                for nr, n in re.findall(r"call-(\d+):(\d+)", rest):
                    counts[int(nr)] += int(n)
            elif event != "seal":
                reason = re.search(r"reason=(\d+)", rest)
                self.life[who, event, reason[1] if reason else ""] += 1
            if event == "domain-crashed":
                self.crashes[who] = rest


def life_of(tenant, reason, crashed=False):
    """The records a tenant's life must have; destroyed has the reason, too."""
    wanted = Counter({
        (tenant, "domain-created", ""): 1, (tenant, "domain-started", ""): 1,
        (tenant, "domain-shutdown", reason): 1,
        (tenant, "domain-destroyed", reason): 1})
    if crashed:
        wanted[tenant, "domain-crashed", reason] = 1
    return wanted


# What Domain0 does beside: it comes up once, uses its rights, reads the log.
SERVICE = {("domain0", "domain-created", ""): 1,
           ("domain0", "domain-started", ""): 1, ("host", "collector", ""): 1}
SERVICE_ACTS = {("domain0", "right-used", ""), ("domain0", "privilege", "")}


def check_life(boot, log, wanted, score):
    wanted = wanted + Counter({("host", "boot", ""): 1,
                               ("host", "host-shutdown", ""): 1})
    if ("domain0", "domain-created", "") in log.life:
        wanted = wanted + Counter(SERVICE) + Counter(
            {act: n for act, n in log.life.items() if act in SERVICE_ACTS})
    missing, extra = wanted - log.life, log.life - wanted
    text = [f"missing {' '.join(k)}" for k in missing] + \
        [f"not demanded {' '.join(k)}" for k in extra]
    score.say(not text, f"{boot.name}: records: " + ", ".join(text))
    score.say(boot.verdict.startswith("good") and
              "as given" in boot.verdict,
              f"{boot.name}: audit log: {boot.verdict}")


def counts_said(boot):
    """What each of our guests has counted itself: by tenant, by class."""
    said = {}
    for line in boot.lines:
        found = COUNTS.match(line.text)
        if found:
            classes = found[2] if found[1] else found[4]
            said[line.tenant] = Counter({
                48 if nr == "rest" else int(nr): int(n)
                for nr, n in re.findall(r"(\d+|rest):(\d+)", classes)})
    return said


def check_counts(boot, log, score, tenants):
    said = counts_said(boot)
    for tenant in tenants:
        have = log.refused.get(tenant, Counter())
        want = said.get(tenant)
        differ = [] if want is None else [
            f"call {nr}: {have[nr]} in the log, {want[nr]} by the guest"
            for nr in sorted(set(have) | set(want)) if have[nr] != want[nr]]
        if want is None:
            differ = ["the guest has not said its count"]
        score.say(not differ, f"{boot.name}: refusals of {tenant}: " +
                  ", ".join(differ[:5]))


# ---- a boot ----------------------------------------------------------------


class Action:
    def __init__(self, name, place, ms, refused, faults):
        self.name = name
        self.place = place  # of its line in the output
        self.ms = ms
        self.refused = refused
        self.faults = faults


def actions_of(boot, order):
    """Actions whose results are there, in order, with harm and faults that
    came before the next line of one."""
    result, pending, beside = [], [], []
    for place, line in enumerate(boot.lines):
        ok, bad = OK.match(line.text), BAD.match(line.text)
        if line.tenant == "victim" and "VICTIM HARM" in line.text:
            pending.append(line.text)
        elif line.tenant == "ringfence" and HOST_FAULT.search(line.text) and \
                not NO_FAULT.search(line.text):
            pending.append("host: " + line.text)
        elif line.tenant == "attack" and ok:
            result.append(Action(ok[1], place, int(ok[4]), int(ok[5]),
                                 pending))
            pending = []
        elif line.tenant == "attack" and bad:
            place_of = beside if re.search("beside|soup", bad[2]) else result
            place_of.append(Action(bad[1], place, 0, None,
                                   [bad[2]] + pending))
            pending = []
    return result, beside, pending


def check_marks(actions, log, order):
    """From mark to mark the kernel counts what the guest counts."""
    ahead = 1  # the mark itself: the guest says its count before it
    for action in actions:
        if action.refused is None or action.name not in order:
            continue
        have = log.marks.get(order[action.name])
        if have is None:
            action.faults.append("its mark is not in the audit log")
        elif have != action.refused + ahead:
            action.faults.append(
                f"{have - action.refused - ahead:+} refusals in the log, "
                "beside those that the guest made")
            ahead = have - action.refused


def check_soup(boot, beside, score):
    worst = {}
    for action in beside:
        worst.setdefault(action.name, action.faults)
    for line in boot.lines:
        ran = RAN.match(line.text)
        if ran and line.tenant == "attack":
            score.action(boot.name, ran[1], worst.pop(ran[1], []), 0,
                         int(ran[2]))
    for name, faults in worst.items():
        score.action(boot.name, name, faults, 0)


def check_boot(boot, score):
    order = {name: i for i, name in enumerate(score.families)}
    actions, beside, left = actions_of(boot, order)
    log = Log(boot.records)
    alive = [i for i, x in enumerate(boot.lines) if x.tenant == "victim"]
    last_alive = alive[-1] if alive else -1
    if "marks=1" in boot.words:
        check_marks(actions, log, order)
    for action in actions:
        if action.place > last_alive:
            action.faults.append("the victim was not heard again")
        score.action(boot.name, action.name, action.faults, action.ms)
    if boot.words.startswith("soup"):
        check_soup(boot, beside, score)
    else:
        for action in beside:
            score.action(boot.name, action.name, action.faults, 0)
    score.say(not left, f"{boot.name}: " + "; ".join(left))
    text = [x.text for x in boot.lines if x.tenant == "attack"]
    score.say(any(re.match("ATTACK done: .*, 0 failed", x) for x in text),
              f"{boot.name}: the attacker did not come to its end")
    check_end(boot, score, 0)
    for tenant in boot.names:
        ended = f"tenant {tenant} ended: poweroff"
        score.say(any(x.text == ended for x in boot.lines),
                  f"{boot.name}: {tenant} did not power off by itself")
    wanted = Counter()
    for tenant in boot.names:
        wanted += life_of(tenant, "0")
    check_life(boot, log, wanted, score)
    check_counts(boot, log, score, ("attack", "helper", "victim"))


def check_end(boot, score, status):
    if boot.has_frames:
        passes = [x.text for x in boot.lines if re.fullmatch(
            r"frame auditor: [1-9]\d* passes, 0 faults", x.text)]
        score.say(len(passes) == 1, f"{boot.name}: frames were not recounted "
                  "without a fault")
    unharmed = [x for x in boot.lines if x.tenant == "victim" and
                x.text.startswith("VICTIM unharmed")]
    score.say(len(unharmed) == 1, f"{boot.name}: the victim is not unharmed")
    if unharmed:
        print(f"{boot.name:8} victim: {unharmed[0].text[7:]}", flush=True)
    score.say(boot.why is None, f"{boot.name}: {boot.why}")
    score.say(boot.status == status, f"{boot.name}: rf ended with "
              f"{boot.status}; see {boot.folder}/out")


def check_fatal(boot, score):
    log = Log(boot.records)
    wanted = life_of("victim", "0")
    for mode, reason in boot.modes:
        name = boot.name_of(mode)
        faults = []
        own = [x.text for x in boot.lines if x.tenant == name]
        said = [x.text for x in boot.lines if x.tenant == "ringfence" and
                x.text.startswith(f"tenant {name}: ")]
        ended = [x.text for x in boot.lines if x.tenant == "ringfence" and
                 x.text.startswith(f"tenant {name} ended: ")]
        if said != ([f"tenant {name}: {reason}"] if reason else []):
            faults.append(f"the host said {said}, not '{reason}'")
        if len(ended) != 1 or any("survived" in x for x in own):
            faults.append("it did not end, once")
        record = log.crashes.get(name, "")
        if reason and not re.search(
                r"rip=(0x)?[0-9a-f]+ vcpu=0 calls=\S+ why=\"" +
                re.escape(reason[:30]), record):
            faults.append("no crash record that says where, after what and "
                          f"why: '{record}'")
        if reason:
            wanted += life_of(name, "16", True)
        else:
            wanted += life_of(name, "3" if mode == "sysenter" else "0")
        score.action("fatal", mode, faults, 0)
    check_end(boot, score, 1)
    check_life(boot, log, wanted, score)
