"""Texts and their canonical form, byte for byte; what is canonical already stays."""
import difflib
import subprocess


def run(folder, binary, only, shown_at_most):
    equal = total = 0
    shown = []
    for given in sorted(folder.glob("*.in")):
        if only and only not in given.stem:
            continue
        total += 1
        expected = given.with_suffix(".out").read_bytes()
        found = []
        for what, text in (("as written", given.read_bytes()), ("already canonical", expected)):
            found += difference(what, text, expected, binary)
        equal += not found
        if found:
            shown.append(f"== {given.stem}\n" + "\n".join(found))
    print("\n".join(shown[:shown_at_most]))
    print(f"{equal} of {total} equal")
    return 0 if total and equal == total else 1


def difference(what, text, expected, binary):
    done = subprocess.run([binary, "fmt", "-"], input=text, capture_output=True)
    if not done.returncode and done.stdout == expected:
        return []
    sides = [side.decode(errors="replace").splitlines() for side in (expected, done.stdout)]
    lines = difflib.unified_diff(*sides, "recorded", "ours", lineterm="", n=1)
    said = done.stderr.decode(errors="replace")[:400]
    return [f"{what}: exit {done.returncode} {said}\n" + "\n".join(lines)]
