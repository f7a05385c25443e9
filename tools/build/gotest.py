# SPDX-License-Identifier: MIT
"""Read `go test -json` and keep a count over several passes.

    go test -json ./... | gotest.py COUNTS TITLE      a line a package, the output of what failed
    gotest.py COUNTS --summary                        the last line: N passed, M failed

COUNTS is a file of JSON lines, one a pass. Exit status 1 if anything failed, tests or a build.
"""

import collections
import json
import pathlib
import sys

MARKS = {"pass": "ok  ", "fail": "FAIL", "skip": "--  "}


class Pass:
    """The events of one go test: output is held back and shown only for what failed."""

    def __init__(self):
        self.output = collections.defaultdict(list)
        self.counts = collections.Counter()
        self.per_package = collections.Counter()
        self.failed_tests = collections.Counter()

    def event(self, e):
        action, package, test = e["Action"], e.get("Package", e.get("ImportPath")), e.get("Test")
        if action in ("output", "build-output"):
            self.output[package, test].append(e["Output"])
        elif action in MARKS and test:
            self.test_done(action, package, test)
        elif action in MARKS:
            self.package_done(action, package, e.get("Elapsed", 0.0))
        elif action == "build-fail":
            print("".join(self.output.pop((package, test), [])), flush=True)

    def test_done(self, action, package, test):
        lines = self.output.pop((package, test), [])
        self.counts[action] += 1
        self.per_package[package] += 1
        if action == "fail":
            self.failed_tests[package] += 1
            print("".join(lines), end="", flush=True)

    def package_done(self, action, package, elapsed):
        lines = self.output.pop((package, None), [])
        # A package that fails without a failed test did not build, panicked or ran out of time;
        # what its unfinished tests wrote says why.
        if action == "fail" and not self.failed_tests[package]:
            self.counts["fail"] += 1
            unfinished = [k for k in self.output if k[0] == package]
            print("".join("".join(self.output.pop(k)) for k in unfinished) + "".join(lines), end="")
        if self.per_package[package] or action == "fail":
            print(f"{MARKS[action]} {package:<32} {self.per_package[package]:4d} tests {elapsed:8.1f} s", flush=True)


def run(counts_file, title):
    result = Pass()
    for line in sys.stdin:
        try:
            result.event(json.loads(line))
        except json.JSONDecodeError:  # the go command's own messages
            print(line, end="")
            result.counts["fail"] += line.startswith("FAIL")
    with counts_file.open("a") as f:
        f.write(json.dumps({"title": title, **result.counts}) + "\n")
    return result.counts["fail"]


def summary(counts_file):
    total = collections.Counter()
    for line in counts_file.read_text().splitlines():
        counts = json.loads(line)
        title = counts.pop("title")
        print(f"{title}: {counts.get('pass', 0)} passed, {counts.get('fail', 0)} failed")
        total.update(counts)
    print(f"{total['pass']} passed, {total['fail']} failed" + (f", {total['skip']} skipped" if total["skip"] else ""))
    return total["fail"]


if __name__ == "__main__":
    file = pathlib.Path(sys.argv[1])
    sys.exit(1 if (summary(file) if sys.argv[2] == "--summary" else run(file, sys.argv[2])) else 0)
