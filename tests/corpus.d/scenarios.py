"""Configurations in steps: each step's plan, apply, state and outputs, the state carried over.

The recorded program has no later stages, so every plan is made without them: -stages=false.
"""
import json
import pathlib
import shutil
import subprocess
import tempfile

from recorded import Ids, diagnostics, difference, events, lines, parse, tree, without_wording

PLAN = "step.plan"


class Step:
    def __init__(self, folder, work, binary):
        self.folder, self.work, self.binary = folder, work, binary
        self.expected = folder / "expected"
        self.run = json.loads((self.expected / "run.json").read_text())
        self.ids = Ids(folder / "input")

    def formwork(self, *arguments):
        return subprocess.run([self.binary, *arguments], cwd=self.work, capture_output=True, text=True,
                              stdin=subprocess.DEVNULL)

    def differences(self):
        arguments = [word for word in self.run.get("plan_args", []) if word != "-no-color"]
        plan = self.formwork("plan", "-no-color", "-input=false", "-stages=false", "-detailed-exitcode",
                             f"-out={PLAN}", *arguments)
        found = difference("exit code of plan", self.run["plan_exit"], plan.returncode)
        found += self.plan_text(plan)
        found += self.json("plan.json", "show", "-json", PLAN)
        if not self.run.get("apply"):
            return found
        apply = self.formwork("apply", "-json", PLAN)
        found += difference("exit code of apply", self.run["apply_exit"], apply.returncode)
        recorded = parse(self.ids.hide((self.expected / "apply.jsonl").read_text()))
        ours = parse(self.ids.hide(apply.stdout)) or []
        found += difference("apply.jsonl", *(without_wording(events(one)) for one in (recorded, ours)))
        found += self.json("state.json", "show", "-json")
        return found + self.json("outputs.json", "output", "-json")

    def plan_text(self, plan):
        recorded = self.ids.hide((self.expected / "plan.txt").read_text())
        ours = self.ids.hide(plan.stdout)
        # The recorded text ends before the note of what to run next.
        ours = ours.split("\n─────────────────────────────────────────────────────────────────────────────\n\nSaved")[0]
        found = difference("plan.txt", lines(recorded), lines(ours))
        return found + difference("kinds of diagnostics", diagnostics(recorded), diagnostics(ours + plan.stderr))

    def json(self, name, *arguments):
        recorded = self.expected / name
        if not recorded.exists():
            return []
        shown = self.formwork(*arguments)
        if shown.returncode:
            return [f"{name}: {' '.join(arguments)}: {(shown.stderr or shown.stdout)[-600:]}"]
        sides = [tree(parse(self.ids.hide(text))) for text in (recorded.read_text(), shown.stdout)]
        return difference(name, *sides)


def run(folder, binary, only, shown_at_most):
    equal = total = 0
    shown = []
    for scenario in sorted(path for path in folder.iterdir() if path.is_dir()):
        if only and only not in scenario.name:
            continue
        with tempfile.TemporaryDirectory(prefix="formwork-scenario-") as work:
            for step in sorted(scenario.glob("step-*")):
                clear(pathlib.Path(work))
                shutil.copytree(step / "input", work, dirs_exist_ok=True)
                total += 1
                found = Step(step, pathlib.Path(work), binary).differences()
                equal += not found
                if found:
                    shown.append(f"== {scenario.name} {step.name}\n" + "\n".join(found))
    print("\n".join(shown[:shown_at_most]))
    print(f"{equal} of {total} equal")
    return 0 if total and equal == total else 1


def clear(work):
    """Everything but the state goes before the next step's configuration comes."""
    for old in work.iterdir():
        if not old.name.startswith("terraform.tfstate"):
            shutil.rmtree(old) if old.is_dir() else old.unlink()
