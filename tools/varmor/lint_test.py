#!/usr/bin/env python3
"""`varmor check` with lint, run as people run it.

usage: lint_test.py [Class.test]
Needs: bazel-bin/tools/varmor/varmor (a test's working directory has it).
"""

import json
import os
import pathlib
import re
import subprocess
import sys
import tempfile
import textwrap
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import counted_tests  # noqa: E402  (beside this file, also in Bazel's runfiles)

TOOL = pathlib.Path("tools/varmor/varmor").resolve()
PAGE = pathlib.Path("docs/lint.md").resolve()
CASES = pathlib.Path("testdata/lint").resolve()

CLEAN, FINDINGS = 0, 1

POLICY = """\
apiVersion: crd.varmor.org/v1beta1
kind: VarmorPolicy
metadata:
  name: {name}
  namespace: shop{metadata}
spec:
  target: {{kind: Deployment, name: web}}
  policy:
    enforcer: BPF
    mode: EnhanceProtect
    enhanceProtect:
      bpfRawRules:
        files:
{files}"""

BROAD = '        - {qualifiers: [deny], pattern: "/etc/**", permissions: [read]}'
SILENT = BROAD + "  # varmor: ignore breaks-programs because it reads nothing\n"


def policy(files, name="web", metadata=""):
    return POLICY.format(name=name, files=files, metadata=metadata)


# Around an example that allows.
ALLOW_LIST = """\
apiVersion: crd.varmor.org/v1beta1
kind: VarmorPolicy
metadata: {name: web, namespace: shop}
spec:
  target: {kind: Deployment, name: web}
  policy:
    enforcer: BPF
    mode: DefenseInDepth
    defenseInDepth:
      bpf:
        profileType: Custom
        bpfRawRules:
"""

# Around one that denies.
BLOCK_LIST = """\
apiVersion: crd.varmor.org/v1beta1
kind: VarmorPolicy
metadata: {name: web, namespace: shop}
spec:
  target: {kind: Deployment, name: web}
  policy:
    enforcer: BPF
    mode: EnhanceProtect
    enhanceProtect:
      bpfRawRules:
"""


class LintTest(unittest.TestCase):
    def setUp(self):
        self.directory = tempfile.TemporaryDirectory()
        self.addCleanup(self.directory.cleanup)

    def write(self, name, text):
        path = pathlib.Path(self.directory.name, name)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)

    def check(self, *args, code=CLEAN, stdin=""):
        done = subprocess.run(
            [TOOL, "check", "--no-parser-check", *args],
            cwd=self.directory.name, input=stdin, capture_output=True, text=True,
            env={**os.environ, "NO_COLOR": "1"}, check=False, timeout=60)
        self.assertEqual(code, done.returncode, done.stdout + done.stderr)
        return done

    def test_a_finding_has_place_and_fix(self):
        self.write("web.yaml", policy(BROAD + "\n"))
        done = self.check("-f", "web.yaml")
        self.assertEqual(
            "web.yaml:14:11: warning: spec.policy.enhanceProtect.bpfRawRules.files[0]: the rule also "
            "denies what programs rely on: /etc/ld.so.cache (the places of shared libraries), "
            "/etc/resolv.conf (the addresses of name servers), /etc/nsswitch.conf (how names are "
            "looked up), 1 more [breaks-programs]\n"
            "  fix: name the directories that matter instead\n", done.stdout)
        self.assertEqual("varmor: checked 1 policy: 1 warning\n", done.stderr)

    def test_fail_level_decides_about_the_exit_code(self):
        self.write("web.yaml", policy(BROAD + "\n"))
        self.check("-f", "web.yaml", "--fail-level", "error", code=CLEAN)
        self.check("-f", "web.yaml", "--fail-level", "warning", code=FINDINGS)

    def test_no_lint_leaves_findings_and_silencings_alone(self):
        self.write("web.yaml", policy(BROAD + "  # varmor: ignore nothing-of-the-kind\n"))
        done = self.check("-f", "web.yaml", "--no-lint", "--fail-level", "note")
        self.assertEqual("", done.stdout)

    def test_compile_does_not_lint(self):
        self.write("web.yaml", policy(BROAD + "\n"))
        done = subprocess.run([TOOL, "compile", "-f", "web.yaml"], cwd=self.directory.name,
                              capture_output=True, text=True, check=True, timeout=60)
        self.assertNotIn("breaks-programs", done.stdout + done.stderr)

    def test_silenced_findings_are_counted(self):
        self.write("web.yaml", policy(SILENT))
        done = self.check("-f", "web.yaml", "--fail-level", "note")
        self.assertEqual("", done.stdout)
        self.assertEqual("varmor: checked 1 policy; silenced 1\n", done.stderr)
        report = json.loads(self.check("-f", "web.yaml", "--format", "json").stdout)
        self.assertEqual(1, report["silenced"])
        self.assertEqual([], report["diagnostics"])

    def test_an_annotation_works_in_json_too(self):
        self.write("web.json", json.dumps({
            "apiVersion": "crd.varmor.org/v1beta1", "kind": "VarmorPolicy",
            "metadata": {"name": "web", "namespace": "shop",
                         "annotations": {"varmor.dev/ignore-breaks-programs": "it reads nothing"}},
            "spec": {"target": {"kind": "Deployment", "name": "web"},
                     "policy": {"enforcer": "BPF", "mode": "EnhanceProtect", "enhanceProtect": {
                         "bpfRawRules": {"files": [{
                             "qualifiers": ["deny"], "pattern": "/etc/**",
                             "permissions": ["read"]}]}}}}}))
        self.assertEqual("", self.check("-f", "web.json", "--fail-level", "note").stdout)

    def test_a_bad_silencing_is_an_error_with_its_place(self):
        self.write("web.yaml", policy(BROAD + "  # varmor: ignore breaks-programs\n"))
        done = self.check("-f", "web.yaml", code=FINDINGS)
        self.assertIn("web.yaml:14:74: error: no reason is given why breaks-programs is ignored "
                      "[silencing-without-reason]\n", done.stdout)
        self.assertIn("[breaks-programs]", done.stdout)

    def test_comments_are_for_their_own_document_and_file(self):
        two = policy(SILENT, "a") + "---\n" + policy(BROAD + "\n", "b")
        self.write("in/two.yaml", two)
        self.write("in/three.yaml", policy(BROAD + "\n", "c"))
        done = self.check("-f", "in")
        places = re.findall(r"^(\S+?:\d+):", done.stdout, re.MULTILINE)
        self.assertEqual(["in/three.yaml:14", "in/two.yaml:29"], places)
        self.assertIn("; silenced 1", done.stderr)

    def test_standard_input_has_comments_as_well(self):
        done = self.check("-f", "-", "--fail-level", "note", stdin=policy(SILENT))
        self.assertIn("; silenced 1", done.stderr)

    def test_a_silencing_of_another_enforcers_finding_is_not_called_unused(self):
        text = policy(SILENT).replace("enforcer: BPF", "enforcer: BPFSeccomp")
        self.write("web.yaml", text + "      hardeningRules: [disallow-create-user-ns]\n")
        self.check("-f", "web.yaml", "--enforcer", "Seccomp", "--fail-level", "note")

    def test_sarif_and_github_show_findings(self):
        self.write("web.yaml", policy(BROAD + "\n"))
        sarif = json.loads(self.check("-f", "web.yaml", "--format", "sarif").stdout)
        result = sarif["runs"][0]["results"][0]
        self.assertEqual(("breaks-programs", "warning"), (result["ruleId"], result["level"]))
        github = self.check("-f", "web.yaml", "--format", "github").stdout
        self.assertIn("::warning file=web.yaml,line=14,col=11,title=breaks-programs::", github)

    def test_the_examples_of_the_page_are_found(self):
        """A comment in an example says what is found in its line, or begins with "not"."""
        sections = re.split(r"^### (\S+)\n", PAGE.read_text(), flags=re.MULTILINE)
        tried = 0
        for lint, text in zip(sections[1::2], sections[2::2]):
            for block in re.findall(r"^```yaml\n(.*?)^```", text, re.MULTILINE | re.DOTALL):
                allows = "allow" in block.split("#")[0]
                body = textwrap.indent(block, " " * (10 if allows else 8))
                self.write("web.yaml", (ALLOW_LIST if allows else BLOCK_LIST) + body)
                done = self.check("-f", "web.yaml", "--fail-level", "note", code=FINDINGS)
                found = {int(line) for line, code in re.findall(
                    r"^web.yaml:(\d+):.* \[(\S+)\]$", done.stdout, re.MULTILINE) if code == lint}
                lines = pathlib.Path(self.directory.name, "web.yaml").read_text().splitlines()
                want = {number for number, line in enumerate(lines, 1)
                        if "  # " in line and not line.split("  # ")[1].startswith("not")}
                with self.subTest(lint=lint):
                    self.assertEqual(want, found, done.stdout)
                tried += bool(want)
        self.assertGreater(tried, 3)

    def test_the_pages_ways_of_silencing_work(self):
        text = PAGE.read_text().split("## Silencing")[1].split("\n## ")[0]
        comments, annotation = re.findall(r"^```yaml\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
        block_list = BLOCK_LIST.replace("      bpfRawRules:\n", "")
        self.write("web.yaml", block_list + textwrap.indent(comments, " " * 6))
        done = self.check("-f", "web.yaml", "--fail-level", "note")
        self.assertIn("; silenced 2", done.stderr)
        without = re.sub(r"# varmor: ignore.*", "", comments)
        self.write("web.yaml", block_list + textwrap.indent(without, " " * 6))
        self.check("-f", "web.yaml", "--fail-level", "note", code=FINDINGS)

        rule = "  ptrace: {qualifiers: [deny], permissions: [trace]}\n"
        covered = BLOCK_LIST + textwrap.indent(rule, " " * 6)
        self.write("web.yaml", covered)
        done = self.check("-f", "web.yaml", "--fail-level", "note", code=FINDINGS)
        self.assertIn("[covered-by-default]", done.stdout)
        self.write("web.yaml", covered.replace("metadata: {name: web, namespace: shop}\n", annotation +
                                               "  name: web\n  namespace: shop\n"))
        done = self.check("-f", "web.yaml", "--fail-level", "note")
        self.assertIn("; silenced 1", done.stderr)

    def test_all_cases_check_in_one_run_and_always_the_same(self):
        first = self.check("-f", str(CASES), code=FINDINGS)
        self.assertGreater(first.stdout.count("["), 50)
        self.assertEqual(first.stdout, self.check("-f", str(CASES), code=FINDINGS).stdout)


if __name__ == "__main__":
    counted_tests.main()
