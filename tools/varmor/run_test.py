#!/usr/bin/python3
"""varmor run and varmor bpf on this machine: seccomp, exit statuses, signals, refusals. What needs AppArmor
and BPF is tested in a virtual machine (tools/vm/suites/run.suite)."""
import os
import pty
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import counted_tests  # noqa: E402  (beside this file, also in Bazel's runfiles)

HERE = os.path.dirname(os.path.abspath(__file__))
VARMOR = os.path.join(HERE, "varmor")
LSMS = "/sys/kernel/security/lsm"
HAS_BPF = os.path.exists(LSMS) and "bpf" in subprocess.check_output(["cat", LSMS], text=True)

POLICY = """apiVersion: crd.varmor.org/v1beta1
kind: VarmorPolicy
metadata: {name: demo, namespace: shop}
spec:
  target: {kind: Deployment, name: web}
  policy:
    enforcer: %s
    mode: EnhanceProtect
    enhanceProtect:
      hardeningRules: [%s]
%s"""
NO_MKDIR = """      syscallRawRules:
      - {names: [mkdir, mkdirat], action: SCMP_ACT_ERRNO, errnoRet: 38}
"""


def can_be_nobody():
    """Root, and in a user namespace that has the user: Bazel's sandbox has not."""
    return os.geteuid() == 0 and subprocess.run(["setpriv", "--reuid=65534", "true"], capture_output=True).returncode == 0


NOBODY = unittest.skipUnless(can_be_nobody(), "this process cannot become another user")


class RunTest(unittest.TestCase):
    maxDiff = None

    def setUp(self):
        self.dir = tempfile.mkdtemp(dir=os.environ.get("TEST_TMPDIR"))
        self.addCleanup(shutil.rmtree, self.dir)
        self.write("p.yaml", POLICY % ("Seccomp", "disallow-create-user-ns", NO_MKDIR))
        self.write("bpf.yaml", POLICY % ("BPFSeccomp", "disallow-mount, disallow-write-core-pattern", ""))

    def write(self, name, text):
        with open(os.path.join(self.dir, name), "w") as f:
            f.write(text)

    def popen(self, *args, **more):
        return subprocess.Popen([VARMOR, *args], cwd=self.dir, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                stderr=subprocess.PIPE, text=True, **more)

    def tool(self, *args, code=None, **more):
        with self.popen(*args, **more) as process:
            self.out, self.err = process.communicate(timeout=120)
        if code is not None:
            self.assertEqual(code, process.returncode, "stdout:\n%s\nstderr:\n%s" % (self.out, self.err))
        return process.returncode

    def run_command(self, *command, code=0, flags=(), **more):
        return self.tool("run", "-f", "p.yaml", *flags, "--", *command, code=code, **more)


class Confinement(RunTest):
    def test_what_the_policy_denies_fails_and_the_rest_works(self):
        self.run_command("mkdir", "d", code=1)
        self.assertIn("Function not implemented", self.err)
        self.run_command("touch", "f")
        self.assertTrue(os.path.exists(os.path.join(self.dir, "f")))
        self.assertFalse(os.path.exists(os.path.join(self.dir, "d")))

    def test_children_of_the_command_are_confined(self):
        self.run_command("sh", "-c", "sh -c 'mkdir d'", code=1)

    def test_the_filter_is_there_and_is_not_ours(self):
        self.run_command("grep", "^Seccomp:", "/proc/self/status")
        self.assertEqual("Seccomp:\t2\n", self.out)
        with open("/proc/self/status") as f:
            self.assertNotIn("Seccomp:\t2\n", f.read())

    def test_no_descriptor_but_those_of_the_caller_reaches_the_command(self):
        extra = os.open("/dev/null", os.O_RDONLY)
        self.addCleanup(os.close, extra)
        self.run_command("ls", "/proc/self/fd", pass_fds=(extra,))
        # The last one is the directory that ls itself reads.
        self.assertEqual(sorted({0, 1, 2, extra}), sorted(int(fd) for fd in self.out.split())[:4])
        self.assertEqual(5, len(self.out.split()), self.out)

    def test_signals_are_as_the_caller_had_them(self):
        self.run_command("grep", "-E", "^Sig(Blk|Ign|Cgt)", "/proc/self/status")
        plain = subprocess.run(["grep", "-E", "^Sig(Blk|Ign|Cgt)", "/proc/self/status"], capture_output=True,
                               text=True).stdout
        self.assertEqual(plain, self.out)

    def test_root_gets_a_mount_namespace_of_its_own(self):
        self.run_command("readlink", "/proc/self/ns/mnt")
        if os.geteuid() == 0 and "shares this mount namespace" not in self.err:
            self.assertNotEqual(os.readlink("/proc/self/ns/mnt"), self.out.strip())
        else:
            self.assertEqual(os.readlink("/proc/self/ns/mnt"), self.out.strip())
            self.assertIn("note: the command shares this mount namespace: ", self.err)

    def test_nothing_is_left_behind(self):
        self.run_command("true")
        self.assertEqual("", subprocess.run("find /sys/fs/cgroup -name 'varmor-run-*'", shell=True,
                                            capture_output=True, text=True).stdout)
        if os.path.isdir("/run/varmor/runs"):
            self.assertEqual([], os.listdir("/run/varmor/runs"))


class ExitStatus(RunTest):
    def test_is_the_commands(self):
        for status in (0, 1, 2, 3, 42, 125, 255):
            self.run_command("sh", "-c", "exit %d" % status, code=status)

    def test_is_128_and_the_signals_number(self):
        for name in ("KILL", "TERM", "SEGV"):
            self.run_command("sh", "-c", "kill -%s $$" % name, code=128 + getattr(signal, "SIG" + name))

    def test_is_known_also_where_the_caller_ignores_children(self):
        ignore = lambda: signal.signal(signal.SIGCHLD, signal.SIG_IGN)
        self.run_command("sh", "-c", "exit 7", code=7, preexec_fn=ignore)
        self.run_command("grep", "SigIgn:.*1....$", "/proc/self/status", preexec_fn=ignore)

    def test_is_that_of_shells_when_the_command_cannot_be_executed(self):
        self.run_command("no-such-command", code=127)
        self.assertIn('cannot execute "no-such-command": No such file or directory', self.err)
        self.run_command("/etc", code=126)
        self.assertIn('cannot execute "/etc": Permission denied', self.err)

    def test_is_125_when_nothing_was_started(self):
        self.write("two.yaml", (POLICY % ("Seccomp", "disallow-create-user-ns", "")) + "---\n" +
                   (POLICY % ("Seccomp", "disallow-create-user-ns", "")).replace("demo", "other"))
        self.write("bad.yaml", POLICY % ("Seccomp", "disallow-create-usr-ns", ""))
        for args, message in [
            (["run"], "no command"),
            (["run", "-f", "p.yaml"], "no command"),
            (["run", "--", "true"], "no input"),
            (["run", "-f", "none.yaml", "--", "true"], "none.yaml"),
            (["run", "-f", "two.yaml", "--", "true"], "the input holds 2 policies"),
            (["run", "-f", "bad.yaml", "--", "true"], 'did you mean "disallow-create-user-ns"?'),
            (["run", "-f", "p.yaml", "--enforcer", "BPF", "--", "true"], "nothing of the policy"),
            (["run", "-f", "p.yaml", "--violatons=json", "--", "true"], 'did you mean "--violations"?'),
            (["run", "-f", "p.yaml", "--violations=xml", "--", "true"], 'unknown word "xml"'),
        ]:
            with self.subTest(args=args):
                self.tool(*args, code=125)
                self.assertEqual("", self.out)
                self.assertIn(message, self.err)

    def test_flags_end_where_the_command_begins(self):
        self.tool("run", "-f", "p.yaml", "sh", "-c", "exit 7", code=7)
        self.tool("run", "-f", "p.yaml", "echo", "-f", "--help", code=0)
        self.assertEqual("-f --help\n", self.out)


class Refusal(RunTest):
    @unittest.skipIf(HAS_BPF, "this kernel has the BPF LSM")
    def test_an_enforcer_that_is_missing_is_a_refusal_with_reason_and_fix(self):
        self.tool("run", "-f", "bpf.yaml", "--", "echo", "ran", code=125)
        self.assertEqual("", self.out)
        self.assertRegex(self.err, r"(?s)error: the policy wants BPF, which is not available: .*\n  fix: .*"
                                   r"\n  fix: or run it without, with --best-effort")

    @unittest.skipIf(HAS_BPF, "this kernel has the BPF LSM")
    def test_best_effort_runs_and_says_what_is_not_enforced(self):
        self.tool("run", "-f", "bpf.yaml", "--best-effort", "--", "grep", "^Seccomp:", "/proc/self/status", code=0)
        self.assertEqual("Seccomp:\t2\n", self.out)
        self.assertIn("warning: the policy wants BPF, which is not available: ", self.err)
        self.assertRegex(self.err, "warning: without BPF NOT ENFORCED: disallow-write-core-pattern\n")

    @unittest.skipIf(HAS_BPF, "this kernel has the BPF LSM")
    def test_only_some_enforcers(self):
        self.tool("run", "-f", "bpf.yaml", "--enforcer", "seccomp", "--", "true", code=0)
        self.assertNotIn("BPF", self.err)


class Signals(RunTest):
    def start(self, script):
        process = self.popen("run", "-f", "p.yaml", "--", "sh", "-c", script)
        self.addCleanup(process.stdout.close)
        self.addCleanup(process.stderr.close)
        self.assertEqual("ready\n", process.stdout.readline())
        return process

    def test_go_on_to_the_command(self):
        for name in ("INT", "TERM", "HUP", "QUIT", "USR1", "WINCH"):
            with self.subTest(signal=name):
                process = self.start("trap 'echo got; exit 9' %s; echo ready; while :; do sleep 0.05; done" % name)
                process.send_signal(getattr(signal, "SIG" + name))
                self.assertEqual("got\n", process.stdout.readline())
                self.assertEqual(9, process.wait(60))

    def test_the_command_that_does_not_care_is_ended(self):
        process = self.start("echo ready; exec sleep 1000")
        process.terminate()
        self.assertEqual(128 + signal.SIGTERM, process.wait(60))

    def test_killing_varmor_leaves_the_command_confined(self):
        process = self.start("echo ready; while [ ! -e go ]; do sleep 0.05; done; mkdir d; echo $? > result")
        process.kill()
        process.wait(60)
        self.write("go", "")
        result = os.path.join(self.dir, "result")
        deadline = time.time() + 60
        while time.time() < deadline and not (os.path.exists(result) and os.path.getsize(result)):
            time.sleep(0.05)
        with open(result) as f:
            self.assertEqual("1\n", f.read())
        if os.geteuid() != 0 or not os.path.isdir("/run/varmor/runs"):
            self.skipTest("there are no records of runs to prune: only root's are kept")
        time.sleep(0.2)
        self.tool("bpf", "prune", code=0)
        self.assertNotIn("error", self.err)
        self.assertEqual([], os.listdir("/run/varmor/runs"))

    def test_a_stopped_command_stops_varmor_and_goes_on_with_it(self):
        process = self.start("trap 'echo on' CONT; echo ready; while [ ! -e go ]; do sleep 0.05; done; exit 5")
        process.send_signal(signal.SIGTSTP)
        self.wait_for_state(process.pid, "T")
        process.send_signal(signal.SIGCONT)
        self.assertEqual("on\n", process.stdout.readline())
        self.write("go", "")
        self.assertEqual(5, process.wait(60))

    def wait_for_state(self, pid, state):
        deadline = time.time() + 60
        while time.time() < deadline:
            with open("/proc/%d/stat" % pid) as f:
                if f.read().rsplit(")", 1)[1].split()[0] == state:
                    return
            time.sleep(0.02)
        self.fail("process %d does not get into state %s" % (pid, state))

    def test_on_a_terminal_the_command_gets_a_signal_once(self):
        pid, fd = pty.fork()
        if pid == 0:
            os.chdir(self.dir)
            os.execv(VARMOR, [VARMOR, "run", "-f", "p.yaml", "--", "sh", "-c",
                              "trap 'n=$((n+1))' INT; echo ready; while [ ! -e go ]; do sleep 0.05; done; "
                              "exit $((10 + n))"])
        self.read_until(fd, b"ready")
        os.write(fd, b"\x03")
        self.read_until(fd, b"^C")
        time.sleep(0.3)
        self.write("go", "")
        try:
            while os.read(fd, 1000):
                pass
        except OSError:
            pass
        status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
        os.close(fd)
        self.assertEqual(11, status)

    def read_until(self, fd, text):
        got = b""
        while text not in got:
            got += os.read(fd, 1000)


class Bpf(RunTest):
    def test_arguments(self):
        for args, message in [
            (["stats"], 'unexpected argument "stats"\n  fix: did you mean "status"?'),
            (["dump"], "`bpf dump` takes the name of a profile"),
            (["status", "x"], 'unexpected argument "x"'),
        ]:
            self.tool("bpf", *args, code=2)
            self.assertIn(message, self.err)

    @unittest.skipIf(os.geteuid() != 0, "only root may ask")
    @unittest.skipIf(os.path.isdir("/sys/fs/bpf/varmor"), "the enforcer is loaded on this machine")
    def test_nothing_loaded_is_a_clear_answer(self):
        for args in (["status"], ["dump", "x"], ["counters", "x"]):
            self.tool("bpf", *args, code=1)
            self.assertEqual("", self.out)
            self.assertRegex(self.err, "^varmor: error: the BPF enforcer is not loaded.*\n  fix: ")
        self.tool("bpf", "prune", code=0)

    @NOBODY
    def test_without_privileges_the_answer_is_clear(self):
        self.tool("bpf", "status", code=3, preexec_fn=lambda: os.setresuid(65534, 65534, 65534))
        self.assertEqual("varmor: error: asking the kernel about BPF needs CAP_SYS_ADMIN\n"
                         "  fix: run this as root\n", self.err)


@NOBODY
class Unprivileged(RunTest):
    def test_seccomp_works_without_privileges(self):
        os.chmod(self.dir, 0o777)
        self.run_command("sh", "-c", "mkdir d; echo $?; grep NoNewPrivs /proc/self/status",
                         preexec_fn=lambda: os.setresuid(65534, 65534, 65534))
        self.assertEqual("1\nNoNewPrivs:\t1\n", self.out)
        self.assertIn("note: the command shares this mount namespace: ", self.err)
        self.assertIn("note: the command shares this cgroup: ", self.err)


if __name__ == "__main__":
    counted_tests.main()
