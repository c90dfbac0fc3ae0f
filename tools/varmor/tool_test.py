#!/usr/bin/python3
"""Runs the real binary as people and automation do: exit codes, streams, formats, files.

Needs python3-jsonschema and python3-yaml; apparmor_parser where a test says so.
"""
import json
import os
import pty
import re
import shutil
import stat
import subprocess
import sys
import tempfile
import unittest

import jsonschema
import yaml

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import counted_tests  # noqa: E402  (beside this file, also in Bazel's runfiles)

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
VARMOR = os.path.join(HERE, "varmor")
SAMPLE = os.path.join(ROOT, "testdata", "sample", "web.yaml")
GOLDEN = os.path.join(ROOT, "testdata", "compile")
GUIDE = os.path.join(ROOT, "docs", "cli.md")

CLEAN, FINDINGS, INVALID, FAULT = 0, 1, 2, 3

POLICY = """apiVersion: crd.varmor.org/v1beta1
kind: VarmorPolicy
metadata: {name: %s, namespace: shop}
spec:
  target: {kind: Deployment, name: web}
  policy:
    enforcer: %s
    mode: EnhanceProtect
    enhanceProtect:
      hardeningRules: [%s]
"""


def policy(name="web", enforcer="BPF", rules="disallow-insmod"):
    return POLICY % (name, enforcer, rules)


class ToolTest(unittest.TestCase):
    maxDiff = None

    def setUp(self):
        self.dir = tempfile.mkdtemp(dir=os.environ.get("TEST_TMPDIR"))
        self.addCleanup(shutil.rmtree, self.dir)

    def path(self, name, content=None):
        path = os.path.join(self.dir, name)
        if content is not None:
            os.makedirs(os.path.dirname(path), exist_ok=True)
            with open(path, "wb") as f:
                f.write(content if isinstance(content, bytes) else content.encode())
        return path

    def run_tool(self, *args, code=None, stdin="", env=None):
        environment = {"PATH": os.environ["PATH"] + ":/usr/sbin", **(env or {})}
        done = subprocess.run([VARMOR, *args], input=stdin if isinstance(stdin, bytes) else stdin.encode(),
                              capture_output=True, cwd=self.dir, env=environment, timeout=300)
        self.out = done.stdout.decode()
        self.err = done.stderr.decode()
        if code is not None:
            self.assertEqual(code, done.returncode, "stdout:\n%s\nstderr:\n%s" % (self.out, self.err))
        return done.returncode

    def shell(self, script):
        return subprocess.run(["bash", "-c", script], capture_output=True, cwd=self.dir, timeout=300,
                              env={"PATH": os.environ["PATH"] + ":/usr/sbin", "V": VARMOR})


class Arguments(ToolTest):
    def test_no_command_is_a_usage_error_with_the_overview_on_stderr(self):
        self.run_tool(code=INVALID)
        self.assertEqual("", self.out)
        self.assertIn("Commands:", self.err)

    def test_help_is_a_result(self):
        self.run_tool("help", code=CLEAN)
        self.assertEqual("", self.err)
        commands = re.findall(r"^  ([a-z]+) ", self.out, re.M)
        self.assertEqual(["compile", "check", "why", "test", "diff", "run", "bpf", "agent", "explain", "rules", "convert", "schema", "version", "completion", "help"],
                         commands)
        for command in commands[:-1]:
            self.run_tool(command, "--help", code=CLEAN)
            self.assertIn("Usage: varmor " + command, self.out)
            self.assertIn("Examples:", self.out)
            page = self.out
            self.run_tool("help", command, code=CLEAN)
            self.assertEqual(page, self.out)

    def test_mistyped_words_get_the_nearest_known_one(self):
        for args, problem, fix in [
            (["chek"], 'unknown command "chek"', 'did you mean "check"?'),
            (["check", "--fromat=text"], 'unknown flag "--fromat"', 'did you mean "--format"?'),
            (["check", "--format", "sarfi", "-f", "x"], '--format: unknown word "sarfi"', 'did you mean "sarif"?'),
            (["compile", "--enforcer", "BPF,AppArmour"], '--enforcer: unknown word "AppArmour"',
             'did you mean "AppArmor"?'),
            (["rules", "show", "disallow-insmo"], 'unknown built-in rule "disallow-insmo"',
             'did you mean "disallow-insmod"?'),
            (["rules", "shwo"], 'unexpected argument "shwo"', "`varmor rules show NAME` explains one rule"),
            (["completion", "tcsh"], 'unknown shell "tcsh"', "varmor completion bash|zsh|fish"),
        ]:
            with self.subTest(args=args):
                self.run_tool(*args, code=INVALID)
                self.assertEqual("", self.out)
                self.assertEqual("varmor: error: %s\n  fix: %s\n" % (problem, fix), self.err)

    def test_a_flag_may_be_written_in_any_usual_way(self):
        self.path("a.yaml", policy())
        for args in (["-f", "a.yaml"], ["-fa.yaml"], ["-f=a.yaml"], ["--file", "a.yaml"], ["--file=a.yaml"],
                     ["a.yaml"], ["--", "a.yaml"]):
            with self.subTest(args=args):
                self.run_tool("check", *args, code=CLEAN)

    def test_wrong_values_are_usage_errors(self):
        self.path("a.yaml", policy())
        for args, message in [
            (["check"], "no input"),
            (["check", "-f"], "--file needs a value: PATH"),
            (["check", "-f", ""], "--file: the value is empty"),
            (["check", "-f", "a.yaml", "-j", "0"], '--jobs: "0" is not a number from 1 to 256'),
            (["check", "-f", "a.yaml", "--lenient=yes"], "--lenient takes no value"),
            (["check", "-f", "-", "-f", "-"], "standard input is named twice"),
            (["check", "-f", "a.yaml", "--format=text", "--format=json"], "--format is given twice"),
            (["compile", "-f", "a.yaml", "-o", "out", "--format=json"], "--format is for printing"),
            (["version", "now"], 'unexpected argument "now"'),
        ]:
            with self.subTest(args=args):
                self.run_tool(*args, code=INVALID)
                self.assertEqual("", self.out)
                self.assertIn(message, self.err)


class Compile(ToolTest):
    def test_writes_each_artifact_and_the_report(self):
        self.run_tool("compile", "-f", SAMPLE, "-o", "new/out", code=CLEAN)
        self.assertEqual("", self.out)
        self.assertTrue(self.err.endswith("varmor: compiled 1 of 1 policy\n"), self.err)
        name = "varmor-shop-web"
        self.assertEqual(sorted(name + end for end in (".apparmor", ".bpf.json", ".bpf.pb", ".seccomp.json",
                                                        ".report.json")), sorted(os.listdir(self.path("new/out"))))
        with open(self.path("new/out/%s.report.json" % name)) as f:
            report = json.load(f)
        self.assertEqual(["profile", "mode", "compiler", "policy", "artifacts", "holes", "coverage", "watches",
                          "diagnostics"], list(report))
        self.assertEqual("varmor 0.1.0", report["compiler"])
        self.assertEqual({"appArmor", "bpf", "bpfBinary", "seccomp"}, set(report["artifacts"]))
        for artifact in report["artifacts"].values():
            digest = subprocess.run(["sha256sum", artifact["file"]], cwd=self.path("new/out"), check=True,
                                    capture_output=True).stdout.decode().split()[0]
            self.assertEqual(digest, artifact["sha256"])
        self.assertEqual({"disallow-create-user-ns", "disallow-write-core-pattern"},
                         {line["rule"] for line in report["coverage"]} - {"raw", "runtime-default"})

    def test_says_the_same_bytes_every_time_and_however_many_jobs(self):
        for i in range(12):
            self.path("in/%02d.yaml" % i, policy("p%d" % i, "AppArmorBPFSeccomp"))
        self.run_tool("compile", "-f", "in", "-o", "json", "-j", "1", "--no-parser-check", code=CLEAN)
        first = self.out
        self.assertEqual(12, len(json.loads(first)["profiles"]))
        self.run_tool("compile", "-f", "in", "-o", "json", "-j", "7", "--no-parser-check", code=CLEAN)
        self.assertEqual(first, self.out)

    def test_prints_json_and_yaml_of_the_same_content(self):
        self.run_tool("compile", "-f", SAMPLE, "-o", "json", code=CLEAN)
        as_json = json.loads(self.out)
        self.run_tool("compile", "-f", SAMPLE, "-o", "-", "--format", "json", code=CLEAN)
        self.assertEqual(as_json, json.loads(self.out))
        self.run_tool("compile", "-f", SAMPLE, "-o", "yaml", code=CLEAN)
        self.assertEqual(as_json, yaml.safe_load(self.out))
        profile = as_json["profiles"][0]
        self.assertIn("profile varmor-shop-web", profile["artifacts"]["appArmor"]["content"])
        self.assertIsInstance(profile["artifacts"]["bpf"]["content"], dict)
        self.run_tool("compile", "-f", SAMPLE, code=CLEAN)
        self.assertTrue(self.out.startswith("# ---- varmor-shop-web.apparmor\n"))
        self.assertNotIn('"maps"', self.out)

    def test_a_directory_named_like_a_form_is_named_with_its_path(self):
        self.run_tool("compile", "-f", SAMPLE, "-o", "./text", code=CLEAN)
        self.assertTrue(os.path.isdir(self.path("text")))

    def test_writes_nothing_for_a_policy_with_errors_and_the_others_all_the_same(self):
        self.path("in/bad.yaml", policy("bad", rules="disallow-insmo"))
        self.path("in/good.yaml", policy("good"))
        self.run_tool("compile", "-f", "in", "-o", "out", code=INVALID)
        self.assertEqual(["varmor-shop-good.bpf.json", "varmor-shop-good.bpf.pb", "varmor-shop-good.report.json"],
                         sorted(os.listdir(self.path("out"))))
        self.assertEqual("in/bad.yaml:10:24: error: spec.policy.enhanceProtect.hardeningRules[0]: "
                         'unknown built-in rule "disallow-insmo" [unknown-rule]', self.err.split("\n")[0])
        self.assertIn("varmor: compiled 1 of 2 policies: 1 error\n", self.err)

    def test_an_older_file_is_replaced_and_nothing_is_left_beside_it(self):
        self.path("out/varmor-shop-web.bpf.json", "old")
        self.path("a.yaml", policy())
        self.run_tool("compile", "-f", "a.yaml", "-o", "out", code=CLEAN)
        with open(self.path("out/varmor-shop-web.bpf.json")) as f:
            self.assertEqual("varmor-shop-web", json.load(f)["name"])
        self.assertEqual(3, len(os.listdir(self.path("out"))))
        mode = os.stat(self.path("out/varmor-shop-web.bpf.json")).st_mode
        self.assertEqual(0, mode & (stat.S_IXUSR | stat.S_IWOTH))

    def test_two_policies_with_one_profile_name_are_an_error(self):
        collision = os.path.join(GOLDEN, "w01-name-collision", "policies.yaml")
        self.run_tool("compile", "-f", collision, "-o", "out", code=INVALID)
        self.assertEqual([], os.listdir(self.path("out")))
        self.assertEqual(2, self.err.count("[profile-name-collision]"))
        self.assertIn("skipped 1 object of another kind", self.err)

    def test_only_the_enforcers_asked_for(self):
        self.run_tool("compile", "-f", SAMPLE, "-o", "out", "--enforcer", "bpf,Seccomp", code=CLEAN)
        self.assertEqual({"bpf", "seccomp", "report"}, {name.split(".")[1] for name in os.listdir(self.path("out"))})

    def test_holes_are_warned_of_until_a_node_fills_them(self):
        disks = self.path("a.yaml", policy("web", "AppArmorBPF", "disallow-mount-disk-device"))
        self.run_tool("compile", "-f", disks, "-o", "open", code=CLEAN)
        self.assertIn("[unbound-disk-devices]", self.err)
        partitions = self.path("partitions", "major minor  #blocks  name\n\n   8        0  100 sda\n   8  1 9 sda1\n")
        self.path("facts.yaml", "diskDevices:\n- {name: sda, major: 8, minor: 0}\n- {name: sda1, major: 8, minor: 1}\n")
        reports = {}
        for facts in ("partitions", "facts.yaml"):
            self.run_tool("compile", "-f", disks, "-o", "out-" + facts, "--bind", facts, code=CLEAN)
            self.assertNotIn("[unbound-disk-devices]", self.err)
            with open(self.path("out-%s/varmor-shop-web.apparmor" % facts)) as f:
                self.assertIn("/dev/sda1", f.read())
            with open(self.path("out-%s/varmor-shop-web.report.json" % facts)) as f:
                reports[facts] = json.load(f)
        self.assertEqual(reports["partitions"]["artifacts"], reports["facts.yaml"]["artifacts"])
        self.assertEqual([True], sorted({hole["bound"] for hole in reports["partitions"]["holes"]}))
        with open(self.path("open/varmor-shop-web.report.json")) as f:
            self.assertEqual([False], sorted({hole["bound"] for hole in json.load(f)["holes"]}))
        with open(partitions, "a") as f:
            f.write("8 2 sda2\n")
        self.run_tool("compile", "-f", disks, "--bind", "partitions", code=INVALID)
        self.assertIn('partitions:5:1: error: not a line of /proc/partitions: "8 2 sda2" [bad-partition]', self.err)

    def test_cluster_facts_may_be_what_kubectl_prints(self):
        self.path("a.yaml", """apiVersion: crd.varmor.org/v1beta1
kind: VarmorPolicy
metadata: {name: web, namespace: shop}
spec:
  target: {kind: Deployment, name: web}
  policy:
    enforcer: BPF
    mode: EnhanceProtect
    enhanceProtect:
      bpfRawRules:
        network:
          egress:
            toServices: [{qualifiers: [deny], namespace: shop, name: db}]
""")
        kubectl = {"apiVersion": "v1", "kind": "List", "items": [
            {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "db", "namespace": "shop", "uid": "1"},
             "spec": {"clusterIP": "10.0.0.7", "clusterIPs": ["10.0.0.7"], "ports": [{"port": 5432}]}},
            {"apiVersion": "discovery.k8s.io/v1", "kind": "EndpointSlice", "addressType": "IPv4",
             "metadata": {"name": "db-x", "namespace": "shop", "labels": {"kubernetes.io/service-name": "db"}},
             "endpoints": [{"addresses": ["10.1.0.4"]}], "ports": [{"port": 5432, "protocol": "TCP"}]},
            {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "db-0", "namespace": "shop"},
             "spec": {"hostNetwork": False}, "status": {"podIP": "10.1.0.4", "podIPs": [{"ip": "10.1.0.4"}]}}]}
        own = """services:
- {namespace: shop, name: db, clusterIps: [10.0.0.7]}
endpointSlices:
- {namespace: shop, labels: {kubernetes.io/service-name: db}, addressType: IPv4, addresses: [10.1.0.4], ports: [5432]}
pods:
- {namespace: shop, name: db-0, ips: [10.1.0.4]}
"""
        self.path("list.json", json.dumps(kubectl))
        self.path("own.yaml", own)
        self.run_tool("compile", "-f", "a.yaml", "-o", "json", "--cluster-facts", "list.json", code=CLEAN)
        from_list = json.loads(self.out)
        self.run_tool("compile", "-f", "a.yaml", "-o", "json", "--cluster-facts", "own.yaml", code=CLEAN)
        self.assertEqual(from_list, json.loads(self.out))
        self.path("empty.yaml", "services: []\n")
        self.run_tool("compile", "-f", "a.yaml", "-o", "json", "--cluster-facts", "empty.yaml")
        self.assertNotEqual(from_list, self.out and json.loads(self.out))

    def test_the_parsers_refusal_names_the_line_and_the_field(self):
        # No policy of ours is known that the real parser refuses: a stand-in refuses one line.
        parser = self.path("bin/apparmor_parser", "#!/bin/sh\necho 'Cache read/write disabled: x' >&2\n"
                           "n=$(grep -n '/core_pattern' - | cut -d: -f1)\n"
                           "echo \"AppArmor parser error at line $n: syntax error, unexpected X\" >&2\nexit 1\n")
        os.chmod(parser, 0o755)
        self.run_tool("compile", "-f", SAMPLE, "-o", "out", code=INVALID,
                      env={"PATH": self.path("bin") + ":" + os.environ["PATH"]})
        self.assertEqual([], os.listdir(self.path("out")))
        self.assertRegex(self.err, r"(?m)^%s:10:\d+: error: spec\.policy\.enhanceProtect\.hardeningRules\[1\]: "
                         r"apparmor_parser refuses the profile: AppArmor parser error at line \d+: "
                         r"syntax error, unexpected X \[app-armor-parser\]\n"
                         r"  fix: see line \d+ of the profile: .*core_pattern" % re.escape(SAMPLE))

    def test_the_real_parser_accepts_the_sample(self):
        if not shutil.which("apparmor_parser", path="/usr/sbin:/sbin:" + os.environ["PATH"]):
            self.fail("apparmor_parser is not installed (tools/setup.sh)")
        self.run_tool("compile", "-f", SAMPLE, "-o", "out", code=CLEAN)
        self.assertNotIn("not checked", self.err)

    def test_an_unchecked_profile_is_said_to_be_unchecked(self):
        self.run_tool("compile", "-f", SAMPLE, "-o", "out", "--no-parser-check", code=CLEAN)
        self.assertIn("varmor: note: AppArmor profiles were not checked", self.err)

    def test_an_assumed_namespace_is_said_and_changes_no_exit_code(self):
        bare = policy().replace(", namespace: shop", "")
        said = "no metadata.namespace; profiles are named as for \"default\"\n"
        self.path("a.yaml", bare)
        self.run_tool("compile", "a.yaml", "-o", "out", code=CLEAN)
        self.assertEqual("varmor: note: a.yaml: policy \"web\" has " + said + "varmor: compiled 1 of 1 policy\n", self.err)
        self.assertIn("varmor-default-web.bpf.json", os.listdir(self.path("out")))
        cluster = policy().replace("VarmorPolicy", "VarmorClusterPolicy").replace(", namespace: shop", "")
        self.path("b.yaml", "---\n".join([policy("x"), bare, cluster, bare.replace("web", "api", 1)]))
        self.run_tool("check", "b.yaml", "--fail-level", "note", "--format", "json", code=CLEAN)
        self.assertEqual([], json.loads(self.out)["diagnostics"])
        self.assertEqual("varmor: note: b.yaml: policy \"web\" and 1 other have " + said + "varmor: checked 4 policies\n",
                         self.err)
        self.path("b.yaml", policy("x") + "---\n" + cluster)
        self.run_tool("check", "b.yaml", code=CLEAN)
        self.assertNotIn("note", self.err)

    def test_write_errors_are_faults(self):
        self.path("file", "")
        self.run_tool("compile", "-f", SAMPLE, "-o", "file", code=FAULT)
        self.assertEqual('varmor: error: cannot write "file": Not a directory\n'
                         "  fix: give -o a directory that exists or can be made\n"
                         "varmor: compiled 0 of 1 policy\n", self.err)
        self.run_tool("compile", "-f", SAMPLE, "-o", "/dev/full", code=FAULT)
        self.assertIn('cannot write "/dev/full"', self.err)


class Inputs(ToolTest):
    def test_standard_input_may_hold_several_documents(self):
        stream = "---\n" + policy("a") + "---\n---\n" + policy("b") + "---\nkind: ConfigMap\napiVersion: v1\n"
        self.run_tool("check", "-f", "-", stdin=stream, code=CLEAN)
        self.assertRegex(self.err, r"varmor: checked 2 policies; skipped 1 object of another kind, "
                         r"\d empty documents?\n")

    def test_a_directory_is_read_in_order_without_hidden_and_other_files(self):
        for name in ("b.yaml", "a/z.json", "a/b.yml", ".hidden.yaml", ".git/x.yaml", "README.md"):
            self.path("in/" + name, policy(re.sub(r"[^a-z]", "", name), rules="x-" + name.replace("/", "-")))
        os.symlink("../a", self.path("in/a/loop"))
        self.run_tool("check", "-f", "in", code=FINDINGS)
        self.assertEqual(["in/a/b.yml", "in/a/z.json", "in/b.yaml"], re.findall(r"^(in/[^:]*):", self.out, re.M))

    def test_a_fifo_is_read_where_it_is_named_and_refused_in_a_directory(self):
        self.path("in/a.yaml", policy())
        os.mkfifo(self.path("in/b.yaml"))
        self.run_tool("check", "-f", "in", code=INVALID)
        self.assertIn('cannot read "in/b.yaml": it is no regular file', self.err)
        self.assertEqual(CLEAN, self.shell('"$V" check -f <(cat in/a.yaml)').returncode)

    def test_what_the_tool_wrote_is_no_policy(self):
        self.path("in/web.yaml", policy(enforcer="BPFSeccomp"))
        self.run_tool("compile", "-f", "in", "-o", "in/out", code=CLEAN)
        self.run_tool("test", "--scaffold", "-f", "in/web.yaml", "-o", "in/web.test.yaml", code=CLEAN)
        self.run_tool("check", "-f", "in", code=CLEAN)
        self.assertIn("varmor: checked 1 policy; skipped 1 object of another kind\n", self.err)
        # Only what the tool's report vouches for, and only below a directory.
        self.run_tool("check", "-f", "in/out/varmor-shop-web.seccomp.json", code=FINDINGS)
        os.remove(self.path("in/out/varmor-shop-web.report.json"))
        self.run_tool("check", "-f", "in", code=FINDINGS)

    def test_what_cannot_be_read_is_invalid_input(self):
        os.mkdir(self.path("empty"))
        for args, message in [
            (["nowhere.yaml"], 'cannot read "nowhere.yaml": No such file or directory'),
            (["empty"], 'no *.yaml, *.yml or *.json below the directory "empty"'),
        ]:
            for command in ("compile", "check", "convert"):
                self.run_tool(command, "-f", *args, code=INVALID)
                self.assertEqual("", self.out)
                self.assertIn(message, self.err)

    def test_input_without_a_policy_is_invalid(self):
        for text, skipped in [("", ""), ("---\n", ""), ("kind: ConfigMap\napiVersion: v1\n", "1 object of another kind")]:
            with self.subTest(text=text):
                self.path("a.yaml", text)
                self.run_tool("check", "-f", "a.yaml", code=INVALID)
                self.assertIn("the input holds 0 policies", self.err)
                self.assertIn(skipped, self.err)

    def test_ten_megabytes_are_an_error_or_a_policy_but_no_crash(self):
        self.path("noise.yaml", b"- [a, {b: c}]\n" * 750000)
        self.run_tool("check", "-f", "noise.yaml", code=FINDINGS)
        self.assertIn("noise.yaml:", self.out)
        self.path("bytes.yaml", bytes(range(256)) * 40000)
        self.run_tool("check", "-f", "bytes.yaml", code=FINDINGS)
        comment = "# " + "x" * 97 + "\n"
        self.path("long.yaml", comment * 70000 + policy())
        self.run_tool("check", "-f", "long.yaml", code=CLEAN)

    def test_closed_streams_are_errors_not_files(self):
        self.path("a.yaml", policy())
        closed = self.shell('"$V" check -f - <&-')
        self.assertEqual(INVALID, closed.returncode)
        self.assertIn(b"cannot read standard input: Bad file descriptor", closed.stderr)
        closed = self.shell('"$V" compile -f a.yaml >&-')
        self.assertEqual(FAULT, closed.returncode)
        self.assertIn(b"cannot write to standard output: Bad file descriptor", closed.stderr)
        self.assertEqual(CLEAN, self.shell('"$V" compile -f a.yaml -o out 2>&-').returncode)
        self.assertEqual(3, len(os.listdir(self.path("out"))))

    def test_a_full_disk_is_a_fault(self):
        for command in ("rules", "schema", "version", "completion bash"):
            full = self.shell('"$V" %s >/dev/full' % command)
            self.assertEqual(FAULT, full.returncode, command)
            self.assertIn(b"cannot write to standard output: No space left on device", full.stderr)

    def test_a_reader_that_stops_is_no_fault(self):
        done = self.shell('set -o pipefail; for i in 1 2 3; do "$V" rules --format json | head -1 || exit; done')
        self.assertEqual((0, b""), (done.returncode, done.stderr))


class Check(ToolTest):
    def setUp(self):
        super().setUp()
        # A warning (a lenient reading of a mistake), notes (an old form) and an error, on known lines.
        self.path("a b.yaml", policy("web", "BPF", "disallow-insmo, disallow-insmod"))

    def test_findings_are_the_result_and_the_summary_is_not(self):
        self.run_tool("check", "-f", "a b.yaml", code=FINDINGS)
        self.assertEqual("a b.yaml:10:24: error: spec.policy.enhanceProtect.hardeningRules[0]: unknown built-in "
                         'rule "disallow-insmo" [unknown-rule]\n  fix: did you mean "disallow-insmod"?\n', self.out)
        self.assertEqual("varmor: checked 1 policy: 1 error\n", self.err)

    def test_the_fail_level_decides_the_exit_code(self):
        self.run_tool("check", "-f", "a b.yaml", "--lenient", code=CLEAN)
        self.assertIn("warning: spec.policy", self.out)
        self.run_tool("check", "-f", "a b.yaml", "--lenient", "--fail-level", "warning", code=FINDINGS)
        self.run_tool("check", "-f", "a b.yaml", "--lenient", "--fail-level", "note", code=FINDINGS)
        old = os.path.join(GOLDEN, "old-schema", "policy.yaml")
        self.run_tool("check", "-f", old, "--fail-level", "warning", "--no-parser-check", code=CLEAN)
        self.run_tool("check", "-f", old, "--fail-level", "note", "--no-parser-check", code=FINDINGS)

    def test_an_empty_section_of_another_enforcer_holds_no_rules(self):
        text = policy(enforcer="AppArmor") + "      bpfRawRules: %s\n"
        self.run_tool("check", "-", stdin=text % "{network: {egress: {toPods: []}}, files: []}", code=CLEAN)
        self.assertEqual("", self.out)
        self.run_tool("check", "-", stdin=text % "{network: {sockets: [{domains: [alg]}]}}", code=FINDINGS)
        self.assertIn("[rules-without-enforcer]", self.out)

    def test_syntax_errors_are_findings(self):
        self.path("broken.yaml", "kind: [VarmorPolicy\n")
        self.run_tool("check", "-f", "broken.yaml", code=FINDINGS)
        self.assertRegex(self.out, r"^broken\.yaml:\d+:\d+: error: ")

    def test_json(self):
        self.run_tool("check", "-f", "a b.yaml", "--format", "json", code=FINDINGS)
        self.assertEqual({"diagnostics": [{
            "severity": "error", "code": "unknown-rule", "file": "a b.yaml", "line": 10, "column": 24,
            "field": "spec.policy.enhanceProtect.hardeningRules[0]",
            "problem": 'unknown built-in rule "disallow-insmo"', "fix": 'did you mean "disallow-insmod"?'}],
            "policies": 1, "foreignObjects": 0, "emptyDocuments": 0, "silenced": 0}, json.loads(self.out))

    def sarif(self, *args, code):
        self.run_tool("check", *args, "--format", "sarif", code=code)
        log = json.loads(self.out)
        with open(os.path.join(HERE, "testdata", "sarif_subset.schema.json")) as f:
            jsonschema.Draft7Validator(json.load(f)).validate(log)
        return log["runs"][0]

    def test_sarif(self):
        run = self.sarif("-f", "a b.yaml", code=FINDINGS)
        result = run["results"][0]
        self.assertEqual("unknown-rule", run["tool"]["driver"]["rules"][result["ruleIndex"]]["id"])
        self.assertEqual("error", result["level"])
        self.assertEqual({"artifactLocation": {"uri": "a%20b.yaml"}, "region": {"startLine": 10, "startColumn": 24}},
                         result["locations"][0]["physicalLocation"])
        self.path("good.yaml", policy())
        self.assertEqual([], self.sarif("-f", "good.yaml", code=CLEAN)["results"])
        everything = self.sarif("-f", GOLDEN, "--no-parser-check", code=FINDINGS)
        self.assertGreater(len(everything["results"]), 5)

    def test_columns_count_characters_where_the_format_says_so(self):
        self.path("u.yaml", policy("web", "BPF", '"\u00e4\u20ac\U0001F600", disallow-insmo'))
        self.run_tool("check", "-f", "u.yaml", code=FINDINGS)
        self.assertEqual([24, 24 + 13], [int(c) for c in re.findall(r"u\.yaml:10:(\d+)", self.out)])  # bytes
        columns = [r["locations"][0]["physicalLocation"]["region"]["startColumn"]
                   for r in self.sarif("-f", "u.yaml", code=FINDINGS)["results"]]
        self.assertEqual([24, 24 + 7], columns)

    def test_github_annotations_escape_what_ends_a_command(self):
        self.path("a,b%:c.yaml", policy("web", "BPF", "disallow-insmo"))
        self.run_tool("check", "-f", "a,b%:c.yaml", "--format", "github", code=FINDINGS)
        self.assertEqual("::error file=a%2Cb%25%3Ac.yaml,line=10,col=24,title=unknown-rule::"
                         'spec.policy.enhanceProtect.hardeningRules[0]: unknown built-in rule "disallow-insmo"'
                         '%0Afix: did you mean "disallow-insmod"?\n', self.out)

    def test_names_that_are_not_utf8_do_not_break_json(self):
        name = self.dir.encode() + b"/\xff.yaml"
        with open(name, "w") as f:
            f.write(policy(rules="disallow-insmo"))
        done = subprocess.run([VARMOR, "check", "-f", name, "--format", "json"], capture_output=True)
        self.assertTrue(json.loads(done.stdout)["diagnostics"][0]["file"].endswith("/\ufffd.yaml"))

    def test_colours_are_for_terminals_and_can_be_chosen(self):
        def colours(*args, env=None):
            self.run_tool("check", "-f", "a b.yaml", *args, code=FINDINGS, env=env)
            return "\033[" in self.out
        self.assertFalse(colours())
        self.assertTrue(colours("--color=always"))
        self.assertTrue(colours("--color=always", env={"NO_COLOR": "1"}))
        for env, expected in (({}, True), ({"NO_COLOR": "1"}, False)):
            master, slave = pty.openpty()
            subprocess.run([VARMOR, "check", "-f", "a b.yaml"], stdout=slave, stderr=subprocess.DEVNULL, cwd=self.dir,
                           env={"PATH": os.environ["PATH"], "TERM": "xterm", **env})
            os.close(slave)
            self.assertEqual(expected, b"\033[" in os.read(master, 10000))
            os.close(master)


class Others(ToolTest):
    def test_rules_lists_what_the_filters_leave(self):
        self.run_tool("rules", "--format", "json", code=CLEAN)
        rules = json.loads(self.out)["rules"]
        self.assertEqual("", self.err)
        self.run_tool("rules", "--category", "hardening", "--enforcer", "bpf", "--format", "json", code=CLEAN)
        some = json.loads(self.out)["rules"]
        self.assertEqual([r for r in rules if r["category"] == "hardening" and r["enforcers"]["BPF"]["enforced"]], some)
        self.assertTrue(0 < len(some) < len(rules))
        self.run_tool("rules", code=CLEAN)
        for rule in rules:
            self.assertIn("\n  %s " % rule["id"], self.out)

    def test_rules_show_knows_other_spellings_and_old_names(self):
        self.run_tool("rules", "show", "disallow-insmod", code=CLEAN)
        page = self.out
        self.assertTrue(page.startswith("disallow-insmod\n"))
        self.run_tool("rules", "show", "Disallow_Insmod", code=CLEAN)
        self.assertEqual(page, self.out)
        self.run_tool("rules", "--format", "json", code=CLEAN)
        aliased = [rule for rule in json.loads(self.out)["rules"] if "aliases" in rule]
        self.assertTrue(aliased)
        self.run_tool("rules", "show", aliased[0]["aliases"][0], "--format", "json", code=CLEAN)
        self.assertEqual(aliased[0], json.loads(self.out))

    def test_convert_prints_the_newest_form_and_its_remarks_apart(self):
        old = os.path.join(GOLDEN, "old-schema", "policy.yaml")
        self.run_tool("convert", "-f", old, code=CLEAN)
        self.assertNotIn("egresses", self.out)
        self.assertIn("varmor: converted 1 of 1 policy", self.err)
        converted = self.out
        self.path("in/new.yaml", converted)
        self.run_tool("convert", "-f", "in", "-o", "out", code=CLEAN)
        self.assertEqual("", self.out)
        (name,) = os.listdir(self.path("out"))
        with open(self.path("out/" + name)) as f:
            self.assertEqual(converted, f.read())
        self.run_tool("check", "-f", "out", "--fail-level", "warning", "--no-parser-check", code=CLEAN)

    def test_convert_of_several_policies_is_one_stream(self):
        self.run_tool("convert", "-f", "-", stdin=policy("a") + "---\n" + policy("b"), code=CLEAN)
        self.assertEqual(["a", "b"], [d["metadata"]["name"] for d in yaml.safe_load_all(self.out)])

    def test_version(self):
        self.run_tool("version", code=CLEAN)
        self.assertTrue(self.out.startswith("varmor 0.1.0\n"))
        self.run_tool("version", "--format", "json", code=CLEAN)
        self.assertEqual({"version", "bpfAbi", "builtinRules", "libraries"}, set(json.loads(self.out)))
        self.assertGreater(json.loads(self.out)["builtinRules"], 50)


class Schema(ToolTest):
    def validator(self, *args):
        self.run_tool("schema", *args, code=CLEAN)
        schema = json.loads(self.out)
        jsonschema.Draft7Validator.check_schema(schema)
        return jsonschema.Draft7Validator(schema)

    @staticmethod
    def policies(case):
        documents = []
        for name in ("policy.yaml", "policies.yaml"):
            path = os.path.join(GOLDEN, case, name)
            if os.path.exists(path):
                with open(path) as f:
                    documents += [d for d in yaml.safe_load_all(f) if d and str(d.get("kind")).startswith("Varmor")]
        return documents

    def test_every_policy_that_the_reader_takes_validates(self):
        validator = self.validator()
        cases = 0
        for case in sorted(os.listdir(GOLDEN)):
            if case.startswith("rules-without-effect"):
                continue  # holds mistyped rule names
            for document in self.policies(case):
                with self.subTest(case=case):
                    validator.validate(document)
                    cases += 1
        self.assertGreater(cases, 20)

    def test_other_spellings_of_words_validate(self):
        validator = self.validator()
        for enforcer, rule in [("appArmorbpf", "disallow-insmod"), ("SECCOMPBPF", "Disallow_Insmod")]:
            validator.validate(yaml.safe_load(policy("web", enforcer, rule)))
        mount = "      privileged: true\n      bpfRawRules: {mounts: [{sourcePattern: '**', fstype: none, flags: [%s], qualifiers: [deny]}]}\n"
        for flag, good in [("rbind", True), ("Make-Private", True), ("*", True), ("make_private", False), ("**", False)]:
            text = policy() + mount % ("'%s'" % flag)
            self.run_tool("check", "-", "--no-lint", stdin=text, code=CLEAN if good else FINDINGS)
            self.assertEqual(good, validator.is_valid(yaml.safe_load(text)), flag)

    def test_mistakes_do_not_validate(self):
        validator = self.validator()
        good = policy("web", "AppArmorBPF", "disallow-insmod")
        validator.validate(yaml.safe_load(good))
        for old, new in [
            ("disallow-insmod", "disallow-insmo"),
            ("hardeningRules", "hardeningRule"),
            ("[disallow-insmod]", "disallow-insmod"),
            ("mode: EnhanceProtect", "mode: Enhance"),
            ("AppArmorBPF", "AppArmorBPFBPF"),
            ("AppArmorBPF", "AppArmour"),
            ("kind: Deployment", "kind: Deploymnt"),
            ("kind: VarmorPolicy", "kind: VarmorPolice"),
            ("v1beta1", "v1"),
            ("    mode: EnhanceProtect\n", ""),
            ("hardeningRules: [disallow-insmod]", "privileged: 1"),
            ("hardeningRules: [disallow-insmod]", "bpfRawRules: {files: [{pattern: /x, permission: [r]}]}"),
            ("hardeningRules: [disallow-insmod]",
             "bpfRawRules: {network: {egress: {toDestinations: [{ip: 1.2.3.4, ports: [{port: 65536}]}]}}}"),
        ]:
            with self.subTest(new=new):
                self.assertIn(old, good)
                self.assertTrue(list(validator.iter_errors(yaml.safe_load(good.replace(old, new)))))

    def test_keys_without_a_value_are_judged_as_by_the_reader(self):
        validator = self.validator()
        good = policy("web", "BPF", "disallow-insmod")
        files = "{files: [{pattern: /x, permissions: [r], qualifiers: [deny]}]}"
        good += "      privileged: false\n      bpfRawRules: " + files + "\n"
        for old, new, code in [
            ("namespace: shop", "labels: null", CLEAN),
            ("namespace: shop", "annotations:", CLEAN),
            ("namespace: shop", "labels: {app: }", CLEAN),
            ("namespace: shop", "labels: [app]", FINDINGS),
            ("namespace: shop", "namespace:", CLEAN),
            ("namespace: shop", "finalizers: null", CLEAN),
            ("{name: web, namespace: shop}", "null", FINDINGS),
            ("Deployment, name: web", "Deployment, name: web, selector: null, containers: ", CLEAN),
            ("Deployment, name: web", "Deployment, selector: {matchLabels: }", CLEAN),
            ("Deployment, name: web", "Deployment, name: web, containers: [null]", FINDINGS),
            ("kind: Deployment", "kind: ", FINDINGS),
            ("mode: EnhanceProtect", "mode: null", FINDINGS),
            ("[disallow-insmod]", "", CLEAN),
            ("privileged: false", "privileged: ", CLEAN),
            (files, "null", CLEAN),
            ("[deny]", "null", CLEAN),
            ("permissions: [r]", "permissions: null", FINDINGS),
        ]:
            with self.subTest(new=new):
                self.assertIn(old, good)
                text = good.replace(old, new)
                self.run_tool("check", "-", "--no-lint", stdin=text, code=code)
                self.assertEqual(code == CLEAN, validator.is_valid(yaml.safe_load(text)))

    def test_a_kind_of_policy_takes_only_that_kind(self):
        document = yaml.safe_load(policy())
        self.validator("--kind", "VarmorPolicy").validate(document)
        self.assertFalse(self.validator("--kind", "VarmorClusterPolicy").is_valid(document))

    def test_facts_and_models_have_schemas_too(self):
        facts = self.validator("--kind", "NodeFacts")
        facts.validate({"diskDevices": [{"name": "sda", "major": 8, "minor": 0}]})
        self.assertFalse(facts.is_valid({"diskDevices": [{"name": "sda", "major": 5000, "minor": 0}]}))
        self.validator("--kind", "ClusterFacts").validate({"services": [{"namespace": "a", "name": "b"}]})
        model = self.validator("--kind", "ArmorProfileModel")
        for networks in ([{"family": "inet"}], {"sockets": [{"domain": "inet"}]}):
            model.validate({"data": {"dynamicResult": {"appArmor": {"networks": networks}}}})

    def test_descriptions_and_old_forms_are_marked(self):
        self.run_tool("schema", code=CLEAN)
        definitions = json.loads(self.out)["definitions"]
        self.assertEqual("What to protect. Required; immutable once created.",
                         definitions["PolicySpec"]["properties"]["target"]["description"])
        self.assertTrue(definitions["BpfNetworkRules"]["properties"]["egresses"]["deprecated"])


class Completion(ToolTest):
    def complete(self, *words):
        """What bash offers for the last of the words."""
        quoted = " ".join("'%s'" % word for word in words)
        done = self.shell('source <("$V" completion bash); COMP_WORDS=(varmor %s); COMP_CWORD=%d; _varmor; '
                          'printf "%%s\\n" "${COMPREPLY[@]}"' % (quoted, len(words)))
        self.assertEqual((0, b""), (done.returncode, done.stderr))
        return done.stdout.decode().split()

    def test_bash_completes_commands_flags_words_and_files(self):
        self.path("web.yaml", "")
        os.mkdir(self.path("webdir"))
        for words, expected in [
            (["ch"], ["check"]),
            (["check", "--fo"], ["--format"]),
            (["check", "--format", "s"], ["sarif"]),
            (["check", "--format", "=", "s"], ["sarif"]),
            (["check", "--format", "="], ["text", "json", "sarif", "github"]),
            (["compile", "-f", "we"], ["web.yaml", "webdir"]),
            (["compile", "-o", "we"], ["webdir"]),
            (["compile", "we"], ["web.yaml", "webdir"]),
            (["schema", "--kind", "Varmor"], ["VarmorPolicy", "VarmorClusterPolicy"]),
            (["rules", ""], ["show"]),
            (["rules", "show", "disallow-insm"], ["disallow-insmod"]),
            (["rules", "--category", "hardening", ""], ["show"]),
            (["completion", ""], ["bash", "zsh", "fish"]),
            (["help", "conv"], ["convert"]),
            (["version", "x"], []),
        ]:
            with self.subTest(words=words):
                self.assertEqual(sorted(expected), sorted(self.complete(*words)))

    def test_scripts_parse(self):
        for shell in ("bash", "zsh", "fish"):
            self.run_tool("completion", shell, code=CLEAN)
            self.path(shell + "-script", self.out)
        self.assertEqual(0, self.shell("bash -n bash-script").returncode)
        missing = [shell for shell in ("zsh", "fish") if not shutil.which(shell)]
        for shell in {"zsh", "fish"} - set(missing):
            done = self.shell("%s -n %s-script" % (shell, shell))
            self.assertEqual((0, b""), (done.returncode, done.stderr))
        if missing:
            self.skipTest("not installed, their scripts not parsed: " + ", ".join(missing))


class Guide(ToolTest):
    def test_the_guides_examples_print_what_it_says(self):
        with open(GUIDE) as f:
            blocks = re.findall(r"^```console\n(.*?)^```", f.read(), re.M | re.S)
        self.assertGreater(len(blocks), 4)
        shutil.copy(SAMPLE, self.path("web.yaml"))
        os.makedirs(self.path("bin"))
        os.symlink(VARMOR, self.path("bin/varmor"))
        for block in blocks:
            for example in re.split(r"^\$ ", block, flags=re.M)[1:]:
                command, _, expected = example.partition("\n")
                done = self.shell("PATH=$PWD/bin:$PATH; { " + command + "; } 2>&1")
                output = done.stdout.decode()
                with self.subTest(command=command):
                    pattern = re.escape(expected).replace(re.escape("...\n"), r"(?:.*\n)*")
                    self.assertTrue(re.fullmatch(pattern, output), "expected:\n%s\ngot:\n%s" % (expected, output))


if __name__ == "__main__":
    counted_tests.main()
