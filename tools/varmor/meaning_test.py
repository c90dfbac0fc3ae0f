#!/usr/bin/python3
"""Runs why, test, diff and explain as people and automation do, and the examples of their guides.

tool_test.py has the rest of the tool.
"""
import json
import os
import re
import shutil
import sys
import unittest
import xml.etree.ElementTree

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import counted_tests  # noqa: E402  (beside this file, also in Bazel's runfiles)
import tool_test  # noqa: E402
from tool_test import CLEAN, FINDINGS, INVALID, policy  # noqa: E402

DOCS = os.path.join(tool_test.ROOT, "docs")
CORE = "write /proc/sys/kernel/core_pattern"
RULES = "disallow-create-user-ns, disallow-write-core-pattern"

TESTS = """kind: PolicyTest
policy: web.yaml
tests:
- name: the core handler stays
  event: write /proc/sys/kernel/core_pattern
  expect: deny
  rule: disallow-write-core-pattern
- name: hosts may be read
  event: read /etc/hosts
  expect: allow
"""


class MeaningTest(tool_test.ToolTest):
    def setUp(self):
        super().setUp()
        self.path("web.yaml", policy("web", "BPFSeccomp", RULES))

    def errors(self, *args, code=INVALID, stdin=""):
        self.run_tool(*args, code=code, stdin=stdin)
        self.assertEqual("", self.out)
        return self.err


class Why(MeaningTest):
    def test_a_denial_names_rule_field_and_place(self):
        self.run_tool("why", "-f", "web.yaml", "--event", CORE, code=FINDINGS)
        self.assertEqual("", self.err)
        self.assertIn("BPF: deny (EPERM)\n"
                      "  rule: disallow-write-core-pattern: deny file /proc/sys/kernel/core_pattern write,append\n"
                      "    at web.yaml:10:49: spec.policy.enhanceProtect.hardeningRules[1]\n", self.out)
        self.assertTrue(self.out.startswith(CORE + "\n"), self.out)
        self.assertTrue(self.out.endswith("together: deny (EPERM)\n"), self.out)

    def test_what_is_allowed_exits_with_0_and_says_why(self):
        self.run_tool("why", "-f", "web.yaml", "-e", "read /etc/hosts", code=CLEAN)
        self.assertIn("  why: no rule is about it, and the profile allows by default\n", self.out)
        self.assertTrue(self.out.endswith("together: allow\n"), self.out)

    def test_one_denial_of_several_questions_decides_the_exit_code(self):
        self.run_tool("why", "-f", "web.yaml", "-e", "read /etc/hosts", "-e", CORE, code=FINDINGS)
        self.assertEqual(2, self.out.count("together: "))

    def test_events_of_every_kind_have_an_answer(self):
        for event in ("exec /bin/sh", "capability CAP_NET_RAW", "connect 10.0.0.1:443", "socket inet stream tcp",
                      "ptrace trace", "mount proc on /proc type proc", "signal kill to unconfined",
                      "syscall unshare(CLONE_NEWNS)", "rename /a to /b", "operation load-bpf-program"):
            with self.subTest(event=event):
                self.assertIn(self.run_tool("why", "-f", "web.yaml", "-e", event), (CLEAN, FINDINGS))
                self.assertEqual("", self.err)

    def test_json_has_the_same_as_the_text(self):
        self.run_tool("why", "-f", "web.yaml", "-e", CORE, "--format", "json", code=FINDINGS)
        result = json.loads(self.out)["results"][0]
        self.assertEqual({"file": "web.yaml", "kind": "VarmorPolicy", "namespace": "shop", "name": "web",
                          "profile": "varmor-shop-web"}, result["policy"])
        self.assertEqual(["BPF", "Seccomp"], [one["enforcer"] for one in result["enforcers"]])
        self.assertEqual("deny", result["together"]["verdict"])
        rule = result["enforcers"][0]["rules"][0]
        self.assertEqual(("disallow-write-core-pattern", "web.yaml", 10, 49),
                         (rule["rule"], rule["file"], rule["line"], rule["column"]))

    def test_several_policies_are_told_apart(self):
        self.path("more/api.yaml", policy("api", "BPF"))
        self.run_tool("why", "web.yaml", "more", "-e", CORE, code=FINDINGS)
        self.assertIn("VarmorPolicy shop/web (web.yaml)\n", self.out)
        self.assertIn("VarmorPolicy shop/api (more/api.yaml)\n", self.out)

    def test_log_lines_are_questions(self):
        line = ('[1.2] audit: type=1400 audit(1.2:3): apparmor="DENIED" operation="open" profile="varmor-shop-web" '
                'name="/proc/sys/kernel/core_pattern" pid=1 comm="sh" requested_mask="wc" denied_mask="w"')
        self.run_tool("why", "-f", "web.yaml", "--log-line", line, code=FINDINGS)
        self.assertTrue(self.out.startswith(CORE + "\n"), self.out)
        seccomp = 'type=SECCOMP msg=audit(1.2:3): pid=1 arch=c000003e syscall=435 compat=0 ip=0x1 code=0x50000'
        self.run_tool("why", "-f", "web.yaml", "--log-line", "-", stdin=line + "\n\n" + seccomp + "\n", code=FINDINGS)
        self.assertIn("syscall clone3 on SCMP_ARCH_X86_64\n", self.out)
        self.assertIn("the record has no arguments", self.err)
        self.assertNotIn("skipped", self.err)

    def test_lines_of_a_log_about_other_things_are_counted(self):
        record = ('audit: apparmor="DENIED" operation="open" profile="varmor-shop-web" name="/proc/sys/kernel/core_pattern" '
                  'pid=1 comm="sh" requested_mask="w" denied_mask="w"')
        others = 'eth0: link up\n{"level":"info","message":"started"}\naudit: apparmor="STATUS" operation="profile_load"\n'
        self.run_tool("why", "-f", "web.yaml", "--log-line", "-", stdin=others + record + "\n", code=FINDINGS)
        self.assertTrue(self.out.startswith(CORE + "\n"), self.out)
        self.assertIn("varmor: note: skipped 3 lines of standard input without a violation\n", self.err)
        self.run_tool("why", "-f", "web.yaml", "--log-line", "-", stdin=others, code=INVALID)
        self.assertIn("standard input has no violation", self.err)

    def test_a_line_that_cannot_be_read_does_not_take_the_others_their_answers(self):
        record = ('audit: apparmor="DENIED" operation="open" profile="varmor-shop-web" name="/proc/sys/kernel/core_pattern" '
                  'pid=1 comm="sh" requested_mask="w" denied_mask="w"')
        bad = record.replace('"open"', '"opne"')
        for form in ("text", "json"):
            self.run_tool("why", "-f", "web.yaml", "--log-line", "-", "--format", form, code=INVALID,
                          stdin="eth0: link up\n\n" + bad + "\n" + record + "\n")
            self.assertIn(CORE, self.out)
            self.assertIn('varmor: error: --log-line: line 3 "audit: apparmor=', self.err)
            self.assertIn("varmor: note: skipped 1 line of standard input without a violation\n", self.err)
        self.assertIn("line 1 ", self.errors("why", "-f", "web.yaml", "--log-line", "-", stdin=bad))

    def test_mistakes_are_told_with_their_column(self):
        for args, problem in [
            (["-e", "wirte /a"], '--event "wirte /a", column 1: unknown verb "wirte"\n  fix: did you mean "write"?'),
            (["-e", "write etc"], '--event "write etc", column 7: path "etc" is not absolute\n  fix: start it with "/"'),
            (["-e", "write /a only bpf"], '"only" is for the catalogue\'s examples\n  fix: choose with --enforcer'),
            (["--log-line", "hello"], '--log-line "hello": the line is no violation that this tool knows'),
            (["--log-line", "-"], "--log-line: standard input has no violation"),
            ([], "no event\n  fix: say what a process does: --event 'write /etc/passwd'"),
            (["-f", "-", "--log-line", "-", ], "standard input is named twice"),
            (["-e", "write /a", "--apparmor-includes", "nowhere"], '--apparmor-includes: cannot read "nowhere"'),
            (["-e", "write /a", "-f", "missing.yaml"], 'cannot read "missing.yaml": No such file or directory'),
        ]:
            with self.subTest(args=args):
                self.assertIn(problem, self.errors("why", "-f", "web.yaml", *args))

    def test_a_policy_with_errors_is_not_asked(self):
        self.path("bad.yaml", policy("bad", "BPF", "disallow-insmo"))
        self.assertIn('unknown built-in rule "disallow-insmo"', self.errors("why", "-f", "bad.yaml", "-e", CORE))

    def test_a_wildcard_gets_a_warning(self):
        self.run_tool("why", "-f", "web.yaml", "-e", "write /etc/*", code=CLEAN)
        self.assertIn("varmor: warning: --event", self.err)


class Test(MeaningTest):
    def test_passing_tests_exit_with_0(self):
        self.path("web_test.yaml", TESTS)
        self.run_tool("test", "web_test.yaml", code=CLEAN)
        self.assertEqual("ok   web_test.yaml: 2 of 2 passed (web.yaml: VarmorPolicy shop/web)\n", self.out)
        self.assertEqual("varmor: 2 of 2 tests passed\n", self.err)

    def test_a_failure_says_what_was_got_and_why(self):
        self.path("web_test.yaml", TESTS.replace("expect: allow", "expect: deny"))
        self.run_tool("test", "web_test.yaml", code=FINDINGS)
        self.assertEqual(
            "FAIL web_test.yaml: 1 of 2 passed (web.yaml: VarmorPolicy shop/web)\n"
            "  web_test.yaml:8:3: hosts may be read\n"
            "    read /etc/hosts: expected deny, got allow: no rule is about it, and the profile allows by default\n",
            self.out)
        self.assertEqual("varmor: 1 of 2 tests passed\n", self.err)

    def test_directories_are_searched_for_tests(self):
        self.path("policies/web.yaml", policy("web", "BPF", RULES))
        self.path("policies/deep/web_test.yaml", TESTS.replace("policy: web", "policy: ../web"))
        self.path("policies/values.yaml", "kind: ConfigMap\n")
        self.run_tool("test", "policies", code=CLEAN)
        self.assertIn("ok   policies/deep/web_test.yaml: 2 of 2 passed (policies/web.yaml: VarmorPolicy shop/web)",
                      self.out)

    def test_the_caller_may_name_the_policy(self):
        self.path("web_test.yaml", TESTS.replace("policy: web.yaml\n", ""))
        self.assertIn("the file names no policy", self.errors("test", "web_test.yaml"))
        self.run_tool("test", "web_test.yaml", "-f", "web.yaml", code=CLEAN)

    def test_one_of_several_policies_is_chosen_by_name(self):
        self.path("two.yaml", policy("web", "BPF", RULES) + "---\n" + policy("api", "BPF"))
        self.path("a_test.yaml", TESTS.replace("policy: web.yaml", "policy: two.yaml"))
        self.assertIn("two.yaml has 2 policies that fit\n  fix: say which with policyName: shop/web, shop/api",
                      self.errors("test", "a_test.yaml"))
        for name in ("web", "shop/web"):
            self.path("a_test.yaml", TESTS.replace("policy: web.yaml", "policy: two.yaml\npolicyName: " + name))
            self.run_tool("test", "a_test.yaml", code=CLEAN)
        self.path("a_test.yaml", TESTS.replace("policy: web.yaml", "policy: two.yaml\npolicyName: shop/wbe"))
        self.assertIn('has no policy "shop/wbe"\n  fix: did you mean "shop/web"?', self.errors("test", "a_test.yaml"))

    def test_run_selects_by_name(self):
        self.path("web_test.yaml", TESTS.replace("expect: allow", "expect: deny"))
        self.run_tool("test", "web_test.yaml", "--run", "core|handler", code=CLEAN)
        self.assertIn("1 of 1 passed", self.out)
        self.assertIn("--run: no test's name matches \"^nothing\"",
                      self.errors("test", "web_test.yaml", "--run", "^nothing"))
        self.assertIn('--run: "(" is no regular expression: missing ): (',
                      self.errors("test", "web_test.yaml", "--run", "("))

    def test_coverage_is_not_rounded_up_and_has_a_threshold(self):
        self.path("web_test.yaml", TESTS)
        self.run_tool("test", "web_test.yaml", "--coverage", code=CLEAN)
        self.assertIn("not covered: web.yaml: VarmorPolicy shop/web: Seccomp: disallow-create-user-ns "
                      "(spec.policy.enhanceProtect.hardeningRules[0])\n", self.out)
        self.assertIn("coverage: 1 of 3 rules (33.3 %)\n", self.out)
        self.run_tool("test", "web_test.yaml", "--threshold", "33.333", code=CLEAN)
        self.run_tool("test", "web_test.yaml", "--threshold", "33.334", code=FINDINGS)
        self.assertIn("coverage 33.3 % is below the threshold 33.334 %", self.err)
        for wrong in ("101", "-1", "x", "1.2345"):
            self.assertIn("is not a percentage from 0 to 100", self.errors("test", "web_test.yaml", "--threshold=" + wrong))

    def test_machines_can_read_the_results(self):
        name = 'a <b> & "c" # d'
        text = TESTS.replace("expect: allow", "expect: deny").replace("hosts may be read", "'%s'" % name)
        self.path("web_test.yaml", text)
        self.run_tool("test", "web_test.yaml", "--format", "junit", code=FINDINGS)
        root = xml.etree.ElementTree.fromstring(self.out)
        self.assertEqual(("2", "1"), (root.get("tests"), root.get("failures")))
        cases = root.findall("./testsuite/testcase")
        self.assertEqual(["the core handler stays", name], [case.get("name") for case in cases])
        self.assertIn("expected deny, got allow", cases[1].find("failure").get("message"))
        self.assertIsNone(cases[0].find("failure"))

        self.run_tool("test", "web_test.yaml", "--format", "tap", code=FINDINGS)
        self.assertEqual(["TAP version 14", "1..2", "ok 1 - the core handler stays",
                          'not ok 2 - a <b> & "c" \\# d', "  ---"], self.out.splitlines()[:5])
        self.assertEqual("  ...", self.out.splitlines()[-1])

        self.run_tool("test", "web_test.yaml", "--format", "json", "--coverage", code=FINDINGS)
        report = json.loads(self.out)
        self.assertEqual((2, 1), (report["tests"], report["failed"]))
        self.assertEqual("33.3", report["coverage"]["percentage"])
        failed = report["suites"][0]["tests"][1]
        self.assertEqual((False, "allow", 8), (failed["passed"], failed["got"], failed["line"]))

    def test_files_that_hold_no_tests_are_errors(self):
        self.path("empty.yaml", "")
        self.path("none.yaml", "kind: PolicyTest\npolicy: web.yaml\ntests: []\n")
        self.path("typo.yaml", TESTS.replace("write /proc", "wirte /proc"))
        self.path("dir/web.yaml", policy())
        for args, problem in [
            ([], "no input"),
            (["empty.yaml"], "empty.yaml: error: the file is empty [no-tests]"),
            (["none.yaml"], "none.yaml:3:8: error: tests: the file has no tests [no-tests]"),
            (["web.yaml"], "web.yaml:2:7: error: kind:"),
            (["typo.yaml"], 'typo.yaml:5:10: error: tests[0].event: unknown verb "wirte" [unknown-event]'),
            (["missing.yaml"], 'cannot read "missing.yaml": No such file or directory'),
            (["dir"], 'no file below "dir" has a document of kind PolicyTest'),
            (["web.yaml", "-o", "x"], "--output is for --scaffold"),
        ]:
            with self.subTest(args=args):
                self.assertIn(problem, self.errors("test", *args))

    def test_a_scaffold_passes_and_is_never_overwritten(self):
        os.makedirs(self.path("tests"))
        self.run_tool("test", "--scaffold", "-f", "web.yaml", "-o", "tests/web_test.yaml", code=CLEAN)
        self.assertEqual("", self.out)
        with open(self.path("tests/web_test.yaml")) as f:
            text = f.read()
        self.assertIn('\npolicy: "../web.yaml"\n', text)
        self.run_tool("test", "tests", "--threshold", "100", code=CLEAN)
        self.assertIn('"tests/web_test.yaml" exists already',
                      self.errors("test", "--scaffold", "-f", "web.yaml", "-o", "tests/web_test.yaml"))
        self.run_tool("test", "--scaffold", "-f", "web.yaml", code=CLEAN)
        self.assertEqual(text.replace('"../web.yaml"', "web.yaml"), self.out)

    def test_a_scaffold_of_several_policies_names_each(self):
        self.path("two.yaml", policy("web", "BPF", RULES) + "---\n" + policy("api", "BPF"))
        self.run_tool("test", "--scaffold", "-f", "two.yaml", "-o", "two_test.yaml", code=CLEAN)
        self.run_tool("test", "two_test.yaml", code=CLEAN)
        self.assertIn("VarmorPolicy shop/web", self.out)
        self.assertIn("VarmorPolicy shop/api", self.out)


class Diff(MeaningTest):
    def test_the_same_meaning_exits_with_0(self):
        self.path("other.yaml", "# another order\n" +
                  policy("web", "BPFSeccomp", "disallow-write-core-pattern, disallow-create-user-ns"))
        self.run_tool("diff", "web.yaml", "other.yaml", code=CLEAN)
        self.assertEqual("the same\n", self.out)
        self.run_tool("diff", "web.yaml", "-", "--format", "json", stdin=policy("web", "BPFSeccomp", RULES), code=CLEAN)
        self.assertTrue(json.loads(self.out)["same"])
        self.run_tool("diff", "web.yaml", "web.yaml", "--format", "markdown", code=CLEAN)
        self.assertEqual("The policies mean the same.\n", self.out)

    def test_changes_have_an_example_and_both_sides(self):
        self.path("less.yaml", policy("web", "BPFSeccomp", "disallow-create-user-ns"))
        self.run_tool("diff", "web.yaml", "less.yaml", code=FINDINGS)
        self.assertIn("VarmorPolicy shop/web: different\n", self.out)
        self.assertIn("  BPF: newly allowed: ", self.out)
        self.assertIn("    for example write /proc/sys/kernel/core_pattern\n", self.out)
        self.assertIn("    before: deny (EPERM): disallow-write-core-pattern at web.yaml:10:49\n", self.out)
        self.run_tool("diff", "less.yaml", "web.yaml", "--format", "json", code=FINDINGS)
        report = json.loads(self.out)
        self.assertFalse(report["same"])
        changes = report["policies"][0]["changes"]
        self.assertEqual({"newly denied"}, {change["kind"] for change in changes})
        self.assertEqual({"BPF"}, {change["enforcer"] for change in changes})
        self.run_tool("diff", "less.yaml", "web.yaml", "--format", "markdown", code=FINDINGS)
        self.assertIn("### VarmorPolicy shop/web: different\n", self.out)
        self.assertIn("| newly denied | BPF | ", self.out)

    def test_policies_are_paired_by_name(self):
        self.path("old.yaml", policy("a", "BPF") + "---\n" + policy("b", "BPF"))
        self.path("new.yaml", policy("c", "BPF") + "---\n" + policy("a", "BPF"))
        self.run_tool("diff", "old.yaml", "new.yaml", code=FINDINGS)
        self.assertEqual("VarmorPolicy shop/b: removed\nVarmorPolicy shop/c: added\n", self.out)

    def test_single_policies_are_paired_whatever_they_are_called(self):
        self.path("old.yaml", policy("a", "BPF"))
        self.path("new.yaml", policy("b", "BPF"))
        self.run_tool("diff", "old.yaml", "new.yaml", code=CLEAN)

    def test_wrong_inputs_are_usage_errors(self):
        self.path("bad.yaml", policy("web", "BPF", "nothing-known"))
        for args, problem in [
            (["web.yaml"], "two inputs are compared, not 1\n  fix: write `varmor diff OLD NEW`"),
            (["web.yaml", "web.yaml", "web.yaml"], "two inputs are compared, not 3"),
            (["-", "-"], "standard input is named twice"),
            (["web.yaml", "missing.yaml"], 'cannot read "missing.yaml"'),
            (["web.yaml", "bad.yaml"], "unknown built-in rule"),
            (["web.yaml", "-f", "x"], 'unknown flag "-f"'),
        ]:
            with self.subTest(args=args):
                self.assertIn(problem, self.errors("diff", *args))


class AppArmor(MeaningTest):
    """The same commands on AppArmor policies; once with what /etc/apparmor.d has, once without."""

    WHERE = "spec.policy.enhanceProtect.appArmorRawRules[0].rules"

    def setUp(self):
        super().setUp()
        for case in ("raw-app-armor", "defense-custom"):
            shutil.copy(os.path.join(tool_test.GOLDEN, case, "policy.yaml"), self.path(case + ".yaml"))
        os.makedirs(self.path("nothing"))
        with open(self.path("raw-app-armor.yaml")) as f:
            self.path("less.yaml", f.read().replace("deny umount /mnt/**,", "deny umount /mnt/a/**,"))
        self.includes = [["--apparmor-includes", "nothing"]]
        if os.path.exists("/etc/apparmor.d/abstractions/base"):
            self.includes.append([])
        else:
            print("NOT TRIED with includes: /etc/apparmor.d is not installed", file=sys.stderr)

    def test_a_denial_names_rule_and_place(self):
        for includes in self.includes:
            for event, verdict, rule in [
                ("write /foo/c", "deny (EACCES)", "deny /foo/{{a,b},c} w"),
                ("write /proc/1/mem", "deny (EACCES)", "deny @{PROC}/*/mem rw"),
                ("capability sys_module", "audit deny (EPERM)", "audit deny capability sys_admin sys_module"),
                ("socket inet6 raw", "deny (EACCES)", "deny network inet6 raw"),
                ("umount /mnt/a", "deny (EACCES)", "deny umount /mnt/**"),
                ("signal kill to unconfined", "deny (EACCES)", "deny signal send set=(kill, term) peer=unconfined"),
            ]:
                with self.subTest(includes=includes, event=event):
                    self.run_tool("why", "-f", "raw-app-armor.yaml", "-e", event, *includes, code=FINDINGS)
                    self.assertEqual("%s\nAppArmor: %s\n  rule: raw: %s\n    at raw-app-armor.yaml:12:16: %s\n"
                                     "together: %s\n" % (event, verdict, rule, self.WHERE, verdict), self.out)

    def test_every_rule_has_the_place_of_its_field(self):
        for event, place in [("read /home/a/.ssh/id own file", "26:16"), ("write '/opt/with blank/a'", "27:16")]:
            with self.subTest(event=event):
                self.run_tool("why", "-f", "raw-app-armor.yaml", "-e", event.replace("'", '"'), code=FINDINGS)
                self.assertIn("at raw-app-armor.yaml:%s: " % place, self.out)

    def test_what_depends_on_includes_is_unknown_without_them(self):
        question = ["why", "-f", "defense-custom.yaml", "--enforcer", "AppArmor", "-e"]
        for includes in self.includes:
            with self.subTest(includes=includes):
                self.run_tool(*question, "read /etc/shadow", *includes, code=CLEAN)
                self.assertIn("  rule: raw: allow /etc/shadow r\n    at defense-custom.yaml:25:18: ", self.out)
                self.run_tool(*question, "read /etc/ld.so.cache", *includes, code=FINDINGS if includes else CLEAN)
                self.assertIn("AppArmor: unknown\n  why: it depends on what is included: include <abstractions/base>\n"
                              if includes else "ld.so.cache rm, in abstractions/base\n", self.out)

    def test_policy_tests_run(self):
        tests = """kind: PolicyTest
policy: raw-app-armor.yaml
tests:
- name: foo stays
  event: write /foo/c
  expect: deny
- name: capabilities are reported
  event: capability sys_admin
  expect: audit deny
- name: the rest is free
  event: read /srv/a
  expect: allow
"""
        self.path("raw_test.yaml", tests)
        for includes in self.includes:
            with self.subTest(includes=includes):
                self.run_tool("test", "raw_test.yaml", *includes, code=CLEAN)
                self.assertEqual("ok   raw_test.yaml: 3 of 3 passed (raw-app-armor.yaml: VarmorPolicy demo/raw)\n",
                                 self.out)
        self.path("raw_test.yaml", tests.replace("/foo/c", "/foo/d"))
        self.run_tool("test", "raw_test.yaml", code=FINDINGS)
        self.assertIn("  raw_test.yaml:4:3: foo stays\n    write /foo/d: expected deny, got allow", self.out)

    def test_diff_has_an_example_in_every_format(self):
        for includes in self.includes:
            with self.subTest(includes=includes):
                self.run_tool("diff", "raw-app-armor.yaml", "less.yaml", *includes, code=FINDINGS)
                self.assertTrue(self.out.startswith("VarmorPolicy demo/raw: different\n"), self.out)
                self.assertIn("  AppArmor: newly allowed: umount ", self.out)
                self.assertIn("    before: deny (EACCES): raw at raw-app-armor.yaml:12:16\n", self.out)

                self.run_tool("diff", "raw-app-armor.yaml", "less.yaml", "--format", "json", *includes, code=FINDINGS)
                change, = json.loads(self.out)["policies"][0]["changes"]
                self.assertEqual(("newly allowed", "AppArmor", "deny", "allow"),
                                 (change["kind"], change["enforcer"], change["before"]["verdict"],
                                  change["after"]["verdict"]))
                rule, = change["before"]["rules"]
                self.assertEqual(("raw-app-armor.yaml", 12, 16, self.WHERE),
                                 (rule["file"], rule["line"], rule["column"], rule["field"]))
                # The example is what it says, on both sides.
                for name, code, verdict in (("raw-app-armor", FINDINGS, "deny (EACCES)"), ("less", CLEAN, "allow")):
                    self.run_tool("why", "-f", name + ".yaml", "-e", change["example"], *includes, code=code)
                    self.assertTrue(self.out.endswith("together: " + verdict + "\n"), self.out)

                self.run_tool("diff", "raw-app-armor.yaml", "less.yaml", "--format", "markdown", *includes,
                              code=FINDINGS)
                self.assertIn("| newly allowed | AppArmor | `umount ", self.out)
                self.run_tool("diff", "raw-app-armor.yaml", "raw-app-armor.yaml", *includes, code=CLEAN)
                self.assertEqual("the same\n", self.out)


class Explain(MeaningTest):
    def test_fields_have_type_words_and_meaning(self):
        self.run_tool("explain", "spec.policy.mode", code=CLEAN)
        self.assertEqual("", self.err)
        self.assertTrue(self.out.startswith(
            "spec.policy.mode\n  type: text\n  required: yes\n  one of:\n"
            "    AlwaysAllow, RuntimeDefault, EnhanceProtect, BehaviorModeling, DefenseInDepth\n"), self.out)

    def test_words_of_bpf_rules_are_listed(self):
        rules = "spec.policy.enhanceProtect.bpfRawRules."
        for field, words in [("files.permissions", "exec, x, e"), ("mounts.flags", "umount, pivot-root, unbindable"),
                             ("network.sockets.domains", "all, *, unix, inet, ax25"),
                             ("network.sockets.types", "rdm, seqpacket"), ("ptrace.permissions", "traceby, tracedby"),
                             ("network.sockets.protocols", "all, *, icmp, tcp, udp")]:
            self.run_tool("explain", rules + field, code=CLEAN)
            self.assertIn(words, re.sub(r"\s+", " ", self.out))

    def test_case_and_item_numbers_do_not_matter(self):
        self.run_tool("explain", "spec.policy.enhanceProtect.attackProtectionRules.rules", code=CLEAN)
        page = self.out
        self.assertIn("mitigate-sa-leak", page)
        self.run_tool("explain", "SPEC.policy.enhanceprotect.attackProtectionRules[0].rules[12]", code=CLEAN)
        self.assertEqual(page, self.out)

    def test_without_a_path_the_top_is_shown(self):
        self.run_tool("explain", code=CLEAN)
        self.assertTrue(self.out.startswith("VarmorPolicy\n"), self.out)
        self.assertIn("\n  spec (object, required)\n", self.out)

    def test_every_field_can_be_explained(self):
        for kind in ("VarmorPolicy", "NodeFacts", "ClusterFacts", "ArmorProfileModel", "PolicyTest"):
            todo, seen = [""], 0
            while todo:
                path = todo.pop()
                self.run_tool("explain", *([path] if path else []), "--kind", kind, "--format", "json", code=CLEAN)
                page = json.loads(self.out)
                self.assertEqual(path, page["path"])
                todo += page["fields"]
                seen += 1
                if seen == 60:  # the rest is of the same kinds
                    break
            self.assertGreater(seen, 3)

    def test_unknown_fields_get_the_nearest(self):
        for path, fix in [
            ("spec.polcy", 'did you mean "spec.policy"?'),
            ("enhanceProtect", 'did you mean "spec.policy.enhanceProtect"?'),
            ("hardeningRule", 'did you mean "spec.policy.enhanceProtect.hardeningRules"?'),
            ("spec.policy.mode.x", 'did you mean "spec.policy.mode"?'),
            ("zzzzzzzzzzzzzzzz", "`varmor explain` lists the fields at the top"),
        ]:
            with self.subTest(path=path):
                self.assertEqual('varmor: error: unknown field "%s"\n  fix: %s\n' % (path, fix),
                                 self.errors("explain", path))
        self.assertIn('unexpected argument "b"', self.errors("explain", "spec", "b"))


class Guides(MeaningTest):
    def test_the_examples_of_the_guides_print_what_they_say(self):
        for guide in ("events.md", "policy_tests.md"):
            with open(os.path.join(DOCS, guide)) as f:
                blocks = re.findall(r"^```console\n(.*?)^```", f.read(), re.M | re.S)
            self.assertGreater(len(blocks), 1, guide)
            shutil.copy(tool_test.SAMPLE, self.path("web.yaml"))
            os.makedirs(self.path("bin"), exist_ok=True)
            if not os.path.exists(self.path("bin/varmor")):
                os.symlink(tool_test.VARMOR, self.path("bin/varmor"))
            for block in blocks:
                for example in re.split(r"^\$ ", block, flags=re.M)[1:]:
                    command, _, expected = example.partition("\n")
                    done = self.shell("PATH=$PWD/bin:$PATH; { " + command + "; } 2>&1")
                    output = done.stdout.decode()
                    with self.subTest(guide=guide, command=command):
                        pattern = re.escape(expected).replace(re.escape("...\n"), r"(?:.*\n)*")
                        self.assertTrue(re.fullmatch(pattern, output), "expected:\n%s\ngot:\n%s" % (expected, output))

    def test_the_grammars_table_is_true(self):
        with open(os.path.join(DOCS, "events.md")) as f:
            events = re.findall(r"^\| `([^`]+)` \|", f.read(), re.M)
        self.assertGreater(len(events), 30)
        for event in events:
            with self.subTest(event=event):
                code = self.run_tool("why", "-f", "web.yaml", "-e", event.replace("\\|", "|"))
                self.assertIn(code, (CLEAN, FINDINGS), self.err)


if __name__ == "__main__":
    counted_tests.main()
