"""A cluster with a node that has AppArmor, BPF and seccomp: policies from kubectl to what a running
container may do. Runs inside the namespaces of node-1 (tools/kube/node_exec.sh); node-2 is the guest,
which connects to port 7000 and ends when this program does.

usage: cluster_test.py [TEST]...     TEST: part of a test's name; the installation is always run

The last line is "PASSED passed, FAILED failed".
"""
import json
import os
import socket
import sys
import threading

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)) + "/../../../kube")
# pylint: disable=wrong-import-position
from cluster_testing import (
    agent_log, apply, available, condition, doc_commands, execute, follow, get, kubectl, policy_object, run_tests,
    settled, status, wait, wait_phase)

EPERM, EACCES = "Operation not permitted", "Permission denied"

# What every container tries.
TRIES = {
    "read first": "cat /tmp/first", "read one": "cat /tmp/one", "read two": "cat /tmp/two",
    "mkdir": "mkdir /tmp/directory && rmdir /tmp/directory", "read shadow": "cat /etc/shadow",
    "user namespace": "unshare -U true",
}


def app_armor(path):
    return [{"rules": f"audit deny {path} r,"}]


def bpf(path):
    return {"files": [{"pattern": path, "permissions": ["read"], "qualifiers": ["deny", "audit"]}]}


# Everything but writing.
CUSTOM = """profile varmor-default-depth flags=(attach_disconnected) {
  capability, network, signal, ptrace, mount,
  / r, /** rmix, /dev/** w,
}"""

MKDIR = [{"names": ["mkdir", "mkdirat"], "action": "SCMP_ACT_ERRNO"}]
POLICIES = {
    "apparmor": policy_object("apparmor", "AppArmor", appArmorRawRules=app_armor("/tmp/first")),
    "bpf": policy_object("bpf", "BPF", bpfRawRules=bpf("/tmp/first")),
    "seccomp": policy_object("seccomp", "Seccomp", syscallRawRules=MKDIR),
    "all": policy_object("all", "AppArmorBPFSeccomp", appArmorRawRules=app_armor("/tmp/one"),
                         bpfRawRules=bpf("/tmp/two"), syscallRawRules=MKDIR),
    "watch": policy_object("watch", "AppArmorBPFSeccomp", auditViolations=True, allowViolations=True,
                           hardeningRules=["disallow-create-user-ns"],
                           attackProtectionRules=[{"rules": ["disable-access-shadow"]}]),
    "depth": policy_object("depth", "AppArmor", "DefenseInDepth", allowViolations=True,
                           appArmor={"profileType": "Custom", "customProfile": CUSTOM}),
}
# What of that is refused now, and how. "bare" has no policy.
REFUSED = {
    "apparmor": {"read first": EACCES}, "bpf": {"read first": EPERM}, "seccomp": {"mkdir": EPERM},
    "all": {"read one": EACCES, "read two": EPERM, "mkdir": EPERM}, "watch": {}, "depth": {}, "bare": {},
}


def deployment(name):
    """A container that makes its files, tries everything at once, and waits."""
    script = "for f in tmp/first tmp/one tmp/two etc/shadow; do echo secret >/$f; done; " + "; ".join(
        TRIES.values()) + "; sleep 1000000"
    container = {"name": "main", "image": "localhost/busybox:1", "imagePullPolicy": "Never",
                 "command": ["sh", "-c", script]}
    return {"apiVersion": "apps/v1", "kind": "Deployment",
            "metadata": {"name": name, "namespace": "default", "labels": {"sandbox.varmor.org/enable": "true"}},
            "spec": {"selector": {"matchLabels": {"app": name}}, "template": {
                "metadata": {"labels": {"app": name}},
                "spec": {"nodeName": "node-2", "terminationGracePeriodSeconds": 0, "containers": [container]}}}}


def refused(name):
    """What fails in the pod of a Deployment, and with which error."""
    script = "; ".join(f'said=$( ({command}) 2>&1 ) && echo "{what}|" || echo "{what}|$said"'
                       for what, command in TRIES.items())
    said = dict(line.split("|", 1) for line in execute(name, "sh", "-c", script).splitlines())
    assert set(said) == set(TRIES), said
    return {what: error.rsplit(": ", 1)[-1] for what, error in said.items() if error}


def now_refused(*names):
    for name in names:
        found = refused(name)
        assert found == REFUSED[name], (name, found)


def wait_refused(name, seconds=60):
    wait(f"in {name} is refused {REFUSED[name]} and nothing else", lambda: refused(name) == REFUSED[name], seconds)


def pod_of(name):
    pods = [pod for pod in get("pods") if pod["metadata"].get("labels", {}).get("app") == name]
    assert len(pods) == 1, [pod["metadata"]["name"] for pod in pods]
    return pods[0]


def on_node(command):
    """What a shell on the node prints, as root."""
    return kubectl("exec", "node-shell", "--", "chroot", "/host", "sh", "-c", command)


def loaded(profile):
    """The mode of an AppArmor profile in the kernel of the node; None when it is not there."""
    for line in on_node("cat /sys/kernel/security/apparmor/profiles").splitlines():
        if line.split()[0] == profile:
            return line.split()[1]
    return None


def has_seccomp_file(profile):
    return profile in on_node("ls /var/lib/kubelet/seccomp").split()


def agent_pid():
    return on_node("pidof varmor-agent || true").strip()


def violations():
    """What the agent's log of violations says."""
    return [json.loads(line) for line in on_node("cat /var/log/varmor/violations.log || true").splitlines()]


def wait_violations(name, enforcer, action, rule, seen):
    """Waits for violations of a policy after the first `seen` lines of the log, checks that each names node, pod,
    container and policy, and that one of them is about the rule: a part of its name or text.
    """
    def found():
        return [line for line in violations()[seen:] if (line["policyName"], line["enforcer"]) == (name, enforcer)]

    lines = wait(f"violations of {name} by {enforcer}", found)
    pod = pod_of(name)["metadata"]
    expected = {"nodeName": "node-2", "podName": pod["name"], "podNamespace": "default", "podUID": pod["uid"],
                "containerName": "main", "image": "localhost/busybox:1", "action": action,
                "profileName": f"varmor-default-{name}", "policyKind": "VarmorPolicy", "policyNamespace": "default"}
    for line in lines:
        assert {key: line[key] for key in expected} == expected, line
    assert any(rule in json.dumps(line.get("rule") or line.get("rules")) for line in lines), lines


def only_on_the_guest(agent):
    agent["nodeSelector"] = {"kubernetes.io/hostname": "node-2"}


def test_installs_as_the_docs_say():
    follow(doc_commands("docs/cluster.md", "Install"), only_on_the_guest)
    wait("the guest is a node", lambda: get("node", "node-2"), 200)
    kubectl("wait", "--for=condition=Ready", "--timeout=120s", "node/node-2")
    apply({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "node-shell", "namespace": "default"},
           "spec": {"nodeName": "node-2", "hostPID": True, "terminationGracePeriodSeconds": 0,
                    "volumes": [{"name": "host", "hostPath": {"path": "/"}}],
                    "containers": [{"name": "main", "image": "localhost/busybox:1", "imagePullPolicy": "Never",
                                    "command": ["sleep", "1000000"], "securityContext": {"privileged": True},
                                    "volumeMounts": [{"name": "host", "mountPath": "/host"}]}]}})
    available("varmor-manager", "varmor")
    wait("the agent's pod", lambda: get("pods", namespace="varmor") and get(
        "daemonset", "varmor-agent", "varmor")["status"]["desiredNumberScheduled"] == 1)
    available("varmor-agent", "varmor", "daemonset", 240)
    log = agent_log()
    for enforcer in ("AppArmor", "BPF", "Seccomp"):
        assert f"{enforcer} is ready" in log, log
    assert "not available" not in log, log


def test_policies_of_every_enforcer_protect():
    apply(*POLICIES.values())
    for name in POLICIES:
        wait_phase(name, "Protecting", 120)
        found = status(name)
        assert found["ready"] and found["desiredNodes"] == 1 and found["loadedNodes"] == 1, found
    for name, mode in (("apparmor", "(enforce)"), ("all", "(enforce)"), ("watch", "(enforce)"),
                       ("depth", "(complain)")):
        assert loaded(f"varmor-default-{name}") == mode, name
    assert not loaded("varmor-default-bpf")
    for name in ("seccomp", "all", "watch"):
        assert has_seccomp_file(f"varmor-default-{name}"), name


def test_what_is_forbidden_fails_in_its_pod_and_only_there():
    apply(*map(deployment, REFUSED))
    for name in REFUSED:
        available(name, seconds=240)
    for name in REFUSED:
        wait_refused(name)
    # From the first act of their programs on; BPF has no part in the start of a container.
    for name, error in (("apparmor", "cat: can't open '/tmp/first': " + EACCES),
                        ("seccomp", "mkdir: can't create directory '/tmp/directory': " + EPERM),
                        ("all", "cat: can't open '/tmp/one': " + EACCES)):
        log = kubectl("logs", f"deployment/{name}")
        assert error in log, log


def test_violations_name_pod_policy_and_rule():
    # What a container did before the agent knew it is attributed to its policy alone.
    seen = len(violations())
    now_refused("apparmor", "bpf", "all", "bare")
    for name, enforcer, rule in (("apparmor", "AppArmor", "/tmp/first"), ("bpf", "BPF", "/tmp/first"),
                                 ("all", "AppArmor", "/tmp/one"), ("all", "BPF", "/tmp/two")):
        wait_violations(name, enforcer, "DENIED", rule, seen)
    assert not [line for line in violations() if line["podName"] == pod_of("bare")["metadata"]["name"]]


def test_observed_violations_are_reported_and_let_through():
    seen = len(violations())
    now_refused("watch", "depth")
    wait_violations("watch", "AppArmor", "AUDIT", "disable-access-shadow", seen)
    wait_violations("watch", "BPF", "AUDIT", "disable-access-shadow", seen)
    wait_violations("watch", "BPF", "AUDIT", "disallow-create-user-ns", seen)
    wait_violations("watch", "Seccomp", "AUDIT|ALLOWED", "disallow-create-user-ns", seen)
    wait_violations("depth", "AppArmor", "ALLOWED", "", seen)


def test_updates_reach_running_containers():
    before = {name: pod_of(name) for name in ("apparmor", "bpf")}
    apply(policy_object("apparmor", "AppArmor", appArmorRawRules=app_armor("/tmp/two")),
          policy_object("bpf", "BPF", bpfRawRules=bpf("/tmp/one")))
    REFUSED.update(apparmor={"read two": EACCES}, bpf={"read one": EPERM})
    for name in before:
        wait(f"the update of {name} is in force", lambda name=name: settled(name))
        now_refused(name)
        assert condition(name, "Updated")["status"] == "True"
        pod = pod_of(name)
        assert pod["metadata"]["uid"] == before[name]["metadata"]["uid"]
        assert pod["status"]["containerStatuses"][0]["restartCount"] == 0


def place_agent(hostname):
    kubectl("-n", "varmor", "patch", "daemonset", "varmor-agent", "-p", json.dumps(
        {"spec": {"template": {"spec": {"nodeSelector": {"kubernetes.io/hostname": hostname}}}}}))


def test_killed_agent_leaves_containers_confined_and_the_next_one_catches_up():
    on_node(f"kill -9 {agent_pid()}")
    place_agent("nowhere")
    wait("no agent is there", lambda: not agent_pid() and not [
        pod for pod in get("pods", namespace="varmor") if pod["metadata"]["name"].startswith("varmor-agent")], 120)
    apply(policy_object("all", "AppArmorBPFSeccomp", appArmorRawRules=app_armor("/tmp/first"),
                        bpfRawRules=bpf("/tmp/two"), syscallRawRules=MKDIR))
    now_refused("apparmor", "bpf", "seccomp", "all")
    place_agent("node-2")
    wait("the update is in force", lambda: settled("all"), 240)
    REFUSED["all"] = {"read first": EACCES, "read two": EPERM, "mkdir": EPERM}
    now_refused("apparmor", "bpf", "all")
    available("varmor-agent", "varmor", "daemonset")


def test_deleted_policy_retires_its_profile_and_then_goes():
    kubectl("delete", "vpol", "all", "--wait=false")
    wait("the profile retires", lambda: get("armorprofile", "varmor-default-all")["metadata"].get(
        "annotations", {}).get("varmor.org/retire") == "true")
    assert condition("all", "Deleting")["status"] == "True"
    # The kernel keeps the seccomp filter of a process.
    REFUSED["all"] = {"mkdir": EPERM}
    wait_refused("all")
    assert loaded("varmor-default-all") and get("varmorpolicy", "all")
    kubectl("delete", "deployment", "all")
    wait("policy and profile go", lambda: not get("varmorpolicy", "all") and not get(
        "armorprofile", "varmor-default-all"), 120)
    assert not loaded("varmor-default-all")
    assert not has_seccomp_file("varmor-default-all")
    now_refused("apparmor", "bpf")


def test_removal_as_the_docs_say_leaves_nothing():
    kubectl("delete", "deployment", "--all")
    wait("no pods", lambda: [pod["metadata"]["name"] for pod in get("pods")] == ["node-shell"], 120)
    kubectl("delete", "vpol", "--all", "--timeout=120s")
    apply(policy_object("web", "AppArmorBPFSeccomp", hardeningRules=["disallow-mount"]))
    wait_phase("web", "Protecting", 120)
    follow(doc_commands("docs/cluster.md", "Remove"), None)
    wait("no pods of ours", lambda: not get("pods", namespace="varmor"), 120)
    left = on_node("cat /sys/kernel/security/apparmor/profiles; ls /var/lib/kubelet/seccomp")
    assert "varmor" not in left, left


def wait_for_guest():
    """Returns when the guest has connected; from then on its end is ours."""
    server = socket.create_server(("127.0.0.1", 7000))
    server.settimeout(300)
    connection, _ = server.accept()
    connection.settimeout(None)

    def watch():
        connection.recv(1)
        print("the guest ended while it was tested", flush=True)
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


def main():
    wanted = sys.argv[1:]
    tests = [f for n, f in globals().items() if n.startswith("test_") and (
        not wanted or f is test_installs_as_the_docs_say or any(word in n for word in wanted))]
    wait_for_guest()
    passed, failed = run_tests(tests, test_installs_as_the_docs_say)
    print(f"{passed} passed, {failed} failed", flush=True)
    # The connection is closed by the kernel, with nobody left who would take that for the guest's end.
    os._exit(1 if failed else 0)


main()
