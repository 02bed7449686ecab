"""Whole runs: init, plan, apply and show as each case's spec.json says, in a folder of their own."""
import json
import pathlib
import shutil
import subprocess
import tempfile

from recorded import Ids, difference, events, lines, parse, tree

PLAN = "equivalence_test_plan"


def command(name, arguments, output=None, is_json=False, is_stream=False):
    return {
        "name": name,
        "arguments": arguments,
        "capture_output": output is not None,
        "output_file_name": output,
        "has_json_output": is_json,
        "streams_json_output": is_stream,
    }


DEFAULT = [
    command("init", ["init"]),
    command("plan", ["plan", f"-out={PLAN}", "-no-color"], "plan"),
    command("apply", ["apply", "-json", PLAN], "apply.json", is_json=True, is_stream=True),
    command("show_state", ["show", "-no-color"], "state"),
    command("show_state_json", ["show", "-json"], "state.json", is_json=True),
    command("show_plan", ["show", "-json", PLAN], "plan.json", is_json=True),
]


class Case:
    def __init__(self, folder, binary):
        self.folder, self.binary = folder, binary
        spec = folder / "input" / "spec.json"
        self.spec = json.loads(spec.read_text()) if spec.exists() else {}
        self.ids = Ids(folder / "input")

    def differences(self):
        with tempfile.TemporaryDirectory(prefix="formwork-equivalence-") as work:
            shutil.copytree(self.folder / "input", work, dirs_exist_ok=True)
            found = []
            for step in self.spec.get("commands") or DEFAULT:
                found += self.step(pathlib.Path(work), step)
            for name in self.spec.get("include_files") or []:
                found += self.file(pathlib.Path(work), name)
            return found

    def step(self, work, step):
        done = subprocess.run([self.binary, *step["arguments"]], cwd=work, capture_output=True, text=True,
                              stdin=subprocess.DEVNULL)
        if done.returncode:
            said = (done.stderr or done.stdout)[-1500:]
            return [f"{step['name']}: exit code {done.returncode}\n{said}"]
        name = step.get("output_file_name")
        recorded = self.folder / "expected" / name if name else None
        if not step.get("capture_output") or not recorded.exists():
            return []
        if not step.get("has_json_output"):
            sides = [lines(self.ids.hide(text), has_diagnostics=False) for text in (recorded.read_text(), done.stdout)]
            return difference(name, *sides)
        ignored = self.ignored(name)
        form = events if step.get("streams_json_output") else tree
        sides = []
        for text in (recorded.read_text(), done.stdout):
            json_value = parse(self.ids.hide(text))
            if form is events and isinstance(json_value, dict):
                json_value = [json_value]
            sides.append(form(json_value, ignored))
        return difference(name, *sides)

    def file(self, work, name):
        recorded, ours = self.folder / "expected" / name, work / name
        if not recorded.exists():
            return []
        if not ours.exists():
            return [f"{name}: there is no such file"]
        texts = [self.ids.hide(path.read_text()) for path in (recorded, ours)]
        return difference(name, *(map(parse, texts) if name.endswith(".json") else map(str.splitlines, texts)))

    def ignored(self, name):
        fields = (self.spec.get("ignore_fields") or {}).get(name, [])
        return frozenset(field.split(".")[-1] for field in fields)


def run(folder, binary, only, shown_at_most):
    equal = total = 0
    shown = []
    for case in sorted(path for path in folder.iterdir() if (path / "input").is_dir()):
        if only and only not in case.name:
            continue
        total += 1
        found = Case(case, binary).differences()
        equal += not found
        if found:
            shown.append(f"== {case.name}\n" + "\n".join(found))
    print("\n".join(shown[:shown_at_most]))
    print(f"{equal} of {total} equal")
    return 0 if total and equal == total else 1
