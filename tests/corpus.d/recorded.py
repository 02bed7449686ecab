"""What of two recorded runs must be alike, and how they are brought to one form first.

The list of what may differ, and nothing else does:
- JSON: the key `formwork` in any object (all that is ours beside the common form sits there), `terraform_version`,
  `timestamp`, `@timestamp`, `@module`, and the first message of an event stream, which says the version.
- Ids that neither the configuration nor the state it starts from contain: they are random.
- How long something took.
- The engine's name in sentences and commands, and therefore where prose is wrapped.
- The order of what happens side by side: events and progress lines of different objects. Each object's own stay in
  order, and so do the stages of a run.
- The order of `relevant_attributes`, which is a set.
- What a case's spec.json names under `ignore_fields`.
"""
import difflib
import json
import re

UUID = re.compile(r"[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}")
DROPPED = {"formwork", "terraform_version", "timestamp", "@timestamp", "@module"}
PROGRESS = re.compile(r"^\S+: (Refreshing state|Reading|Read complete|Still reading)|^provider\[")
TOOK = re.compile(r"(after |, )(?:\d+[hms])+(?= elapsed|[ \]\n]|$)")
DIAGNOSTIC = ("Error: ", "Warning: ")


class Ids:
    """Replaces ids that were not given."""

    def __init__(self, folder):
        self.given = set()
        for path in folder.rglob("*"):
            if path.is_file():
                self.given |= set(UUID.findall(path.read_text(errors="replace")))

    def hide(self, text):
        return UUID.sub(lambda found: found.group() if found.group() in self.given else "ID", text)


def parse(text):
    """JSON, or a stream of it with one object a line."""
    text = text.strip()
    if not text:
        return None
    try:
        return json.loads(text)
    except ValueError:
        return [json.loads(line) for line in text.splitlines() if line.strip()]


def tree(value, ignored=frozenset()):
    """JSON without what may differ."""
    if isinstance(value, dict):
        kept = {name: tree(one, ignored) for name, one in value.items() if name not in DROPPED and name not in ignored}
        if isinstance(kept.get("relevant_attributes"), list):
            kept["relevant_attributes"].sort(key=lambda one: json.dumps(one, sort_keys=True))
        if "elapsed_seconds" in kept:
            kept["elapsed_seconds"] = 0
        return kept
    if isinstance(value, list):
        return [tree(one, ignored) for one in value]
    if isinstance(value, str):
        return TOOK.sub(r"\g<1>0s", value.replace("OpenTofu", "Formwork"))
    return value


def events(messages, ignored=frozenset()):
    """An event stream: version left out, objects in one order, each one's own events in theirs."""
    ours = ("formwork_",)
    kept = [one for one in messages if one.get("type") != "version" and not str(one.get("type")).startswith(ours)]

    def place(message):
        subject = message.get("hook") or message.get("change")
        if message.get("type") == "resource_drift":
            return (0, subject["resource"]["addr"])
        if subject:
            return ({"planned_change": 1}.get(message.get("type"), 2), subject["resource"]["addr"])
        return (3, "")

    return [tree(one, ignored) for one in sorted(kept, key=place)]


def without_wording(messages):
    """Diagnostics by severity and place alone."""
    def brief(one):
        found = one.get("diagnostic")
        if not found:
            return one
        start = (found.get("range") or {}).get("start", {}).get("line")
        return {"type": "diagnostic", "severity": found["severity"], "line": start}

    return [brief(one) for one in messages]


def lines(text, has_diagnostics=True):
    """A plan's text or a state's: progress in one order, prose unwrapped, diagnostics left out."""
    text = text.replace("OpenTofu", "Formwork").replace("tofu apply", "formwork apply")
    progress, kept, is_prose = [], [], False
    for line in TOOK.sub(r"\g<1>0s", text).splitlines():
        line = line.rstrip()
        if has_diagnostics and (line.startswith(DIAGNOSTIC) or line.startswith("╷")):
            break
        if PROGRESS.match(line):
            if not line.startswith("provider["):
                progress.append(line)
            continue
        was_prose, is_prose = is_prose, bool(re.match(r"[A-Za-z]", line)) and not line.startswith("Plan:")
        if is_prose and was_prose:
            kept[-1] += " " + line
        else:
            kept.append("─" if line.startswith("──") else line)
    while kept and not kept[-1]:
        kept.pop()
    while kept and not kept[0]:
        kept.pop(0)
    return sorted(progress) + kept


def diagnostics(text):
    """Whether errors and warnings stand in a text for people. Of errors ours may find more at once."""
    return {word: bool(re.search(rf"^(?:│ )?{word}", text, re.MULTILINE)) for word in DIAGNOSTIC}


def difference(name, expected, ours):
    """Nothing, or the differing lines."""
    if expected == ours:
        return []
    def text(value):
        return value if isinstance(value, list) and all(isinstance(one, str) for one in value) else \
            json.dumps(value, indent=1, sort_keys=True, ensure_ascii=False).splitlines()
    found = list(difflib.unified_diff(text(expected), text(ours), f"{name} recorded", f"{name} ours", lineterm="", n=2))
    return ["\n".join(found)] if found else [f"{name}: differ in type or order of equal text"]
