"""Policies from kubectl to the refused system call: the shipped manifests on a node with kubelet and
containerd. Runs inside the namespaces of the node (tools/kube/node_exec.sh).

usage: node_test.py [TEST]...     TEST: part of a test's name

The last line is "result: PASSED FAILED". The first test installs; the others build on it.
"""
import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
import traceback

ROOT = os.path.dirname(os.path.abspath(__file__)) + "/../../../.."
OUT = os.environ["KUBE_OUT"]
DEPLOY = ROOT + "/runtime/deploy"


class Failed(Exception):
    pass


def run(words, text=None):
    """Standard output; Failed with everything when the status is not 0."""
    done = subprocess.run(words, input=text, capture_output=True, text=True, timeout=300, cwd=ROOT,
                          check=False)
    if done.returncode != 0:
        raise Failed(f"{' '.join(words)}: status {done.returncode}: {done.stdout}{done.stderr}")
    return done.stdout


def kubectl(*words, text=None):
    return run(["kubectl", *words], text)


def get(kind, name=None, namespace="default"):
    """The object, or without a name the list's items; None when there is none."""
    words = ["kubectl", "-n", namespace, "get", kind] + ([name] if name else []) + ["-o", "json"]
    try:
        found = json.loads(run(words))
    except Failed as failed:
        if "NotFound" in str(failed):
            return None
        raise
    return found if name else found["items"]


def wait(what, condition, seconds=60):
    """What `condition` returns when that is true, asked until then. Meanwhile it may fail."""
    end = time.monotonic() + seconds
    while True:
        failed = None
        try:
            found = condition()
            if found:
                return found
        except Failed as error:
            failed = error
        if time.monotonic() > end:
            raise AssertionError(f"not within {seconds} s: {what}; {failed or found}")
        time.sleep(0.2)


class Services(threading.Thread):
    """Leads the address of varmor-status-svc to its endpoint, or nowhere at once, as kube-proxy would."""

    def __init__(self):
        super().__init__(daemon=True)
        self.rule = None

    def lead(self, address):
        run(["iptables", "-A", "FORWARD", "-d", address, "-j", "REJECT"])
        self.rule = ["-d", address, "-p", "tcp", "--dport", "8080", "-j", "DNAT", "--to-destination"]
        self.start()

    def run(self):
        old = []
        while True:
            try:
                subsets = (get("endpoints", "varmor-status-svc", "varmor") or {}).get("subsets") or [{}]
                new = [a["ip"] for a in subsets[0].get("addresses") or []]
                if new != old:
                    run(["iptables", "-t", "nat", "-F", "PREROUTING"])
                    for pod in new:
                        run(["iptables", "-t", "nat", "-A", "PREROUTING", *self.rule, f"{pod}:8080"])
                    old = new
            except Failed as failed:
                print(f"  services: {failed}")
            time.sleep(0.5)


services = Services()


def policy(name, enforcer="Seccomp", rules=("disallow-create-user-ns",), calls=("mkdir", "mkdirat")):
    protect = {"hardeningRules": list(rules)}
    if calls:
        protect["syscallRawRules"] = [{"names": list(calls), "action": "SCMP_ACT_ERRNO"}]
    return {"apiVersion": "crd.varmor.org/v1beta1", "kind": "VarmorPolicy",
            "metadata": {"name": name, "namespace": "default"},
            "spec": {"target": {"kind": "Deployment", "name": name},
                     "policy": {"enforcer": enforcer, "mode": "EnhanceProtect", "enhanceProtect": protect}}}


def apply(*objects):
    return kubectl("apply", "-f", "-", text=json.dumps({"apiVersion": "v1", "kind": "List",
                                                        "items": list(objects)}))


def status(name):
    return get("varmorpolicy", name).get("status") or {}


def condition(name, kind):
    return next((c for c in status(name).get("conditions", []) if c["type"] == kind), None)


def wait_phase(name, phase, seconds=60):
    wait(f"policy {name} is {phase}: {status(name)}", lambda: status(name).get("phase") == phase, seconds)


def settled(name):
    """Whether every node has what the policy now says."""
    found = get("varmorpolicy", name)
    return (found["status"]["observedGeneration"] == found["metadata"]["generation"] and
            found["status"]["phase"] == "Protecting")


def apply_when_answered(made):
    """While no webhook answers, policies are refused."""
    wait("policies are accepted", lambda: apply(made))


def agent_pid():
    found = subprocess.run(["pgrep", "-x", "varmor-agent"], capture_output=True, text=True, check=False)
    return int(found.stdout.split()[0]) if found.stdout else None


def agent_log():
    return kubectl("-n", "varmor", "logs", "daemonset/varmor-agent")


def execute(deployment, *words):
    return kubectl("exec", f"deployment/{deployment}", "--", *words)


def refusal(deployment, *words):
    """What a command says that fails."""
    try:
        execute(deployment, *words)
    except Failed as failed:
        return str(failed)
    raise AssertionError(f"{' '.join(words)} works in {deployment}")


def available(deployment, namespace="default", kind="deployment", seconds=120):
    kubectl("-n", namespace, "rollout", "status", f"{kind}/{deployment}", f"--timeout={seconds}s")


def agent_manifest(status_address):
    """The agent's, but for what this node lacks: names of services, and perhaps a capability."""
    agent = json.loads(kubectl("apply", "--dry-run=client", "-f", f"{DEPLOY}/agent.yaml", "-o", "json"))
    pod = agent["spec"]["template"]["spec"]
    pod["hostAliases"] = [{"ip": status_address, "hostnames": ["varmor-status-svc.varmor"]}]
    with open("/proc/self/status") as lines:
        bounding = int(next(line.split()[1] for line in lines if line.startswith("CapBnd:")), 16)
    # capabilities(7); runc refuses to start what asks for more than there is.
    if not bounding >> 24 & 1:
        print("  this machine has no CAP_SYS_RESOURCE to give: the agent runs without")
        pod["containers"][0]["securityContext"]["capabilities"]["add"].remove("SYS_RESOURCE")
    return json.dumps(agent)


def manager_manifest():
    """The manager's, with one flag more: a leader may doubt a status sooner, so that tests need not wait."""
    parts = json.loads(kubectl("apply", "--dry-run=client", "-f", f"{DEPLOY}/manager.yaml", "-o", "json"))
    for part in parts["items"]:
        if part["kind"] == "Deployment":
            # Still longer than what is between two reports of an agent.
            part["spec"]["template"]["spec"]["containers"][0]["args"].append("--settleTime=70s")
    return json.dumps(parts)


def doc_commands(file, heading):
    """The commands of a section: its lines that begin with "$ kubectl"."""
    with open(f"{ROOT}/{file}") as text:
        section = text.read().split(f"\n## {heading}\n")[1].split("\n## ")[0]
    commands = re.findall(r"^\$ (kubectl .*)$", section, re.M)
    assert commands, f"{file} has no commands under {heading}"
    return [command.split() for command in commands]


def follow(commands):
    """Runs what a person would."""
    for words in commands:
        if words[-1] == "runtime/deploy/agent.yaml" and words[1] == "apply":
            address = get("service", "varmor-status-svc", "varmor")["spec"]["clusterIP"]
            services.lead(address)
            kubectl("apply", "-f", "-", text=agent_manifest(address))
        elif words[-1] == "runtime/deploy/manager.yaml" and words[1] == "apply":
            kubectl("apply", "-f", "-", text=manager_manifest())
        elif words[1] == "wait":
            # kubectl 1.20 fails for a definition that was made a moment ago and has no status yet.
            wait(" ".join(words), lambda words=words: run(words))
        else:
            run(words)


def test_installs_as_the_docs_say():
    follow(doc_commands("docs/cluster.md", "Install"))
    available("varmor-manager", "varmor")
    available("varmor-agent", "varmor", "daemonset")


def test_policy_protects():
    apply(policy("web"))
    wait_phase("web", "Protecting")
    found = status("web")
    assert found["ready"] and found["desiredNodes"] == 1 and found["loadedNodes"] == 1, found
    head, line = kubectl("get", "vpol").splitlines()
    assert head.split() == ["NAME", "ENFORCER", "MODE", "TARGET-KIND", "TARGET-NAME", "TARGET-SELECTOR",
                            "PROFILE-NAME", "READY", "STATUS", "AGE"], head
    assert line.split()[:8] == ["web", "Seccomp", "EnhanceProtect", "Deployment", "web",
                                "varmor-default-web", "true", "Protecting"], line


def test_forbidden_calls_fail_in_its_pods_and_only_there():
    kubectl("apply", "-f", os.path.join(os.path.dirname(os.path.abspath(__file__)), "pods.yaml"))
    for deployment in ("web", "bare"):
        available(deployment)
    for pod in get("pods"):
        profile = pod["spec"]["containers"][0].get("securityContext", {}).get("seccompProfile")
        wanted = {"type": "Localhost", "localhostProfile": "varmor-default-web"}
        assert profile == (wanted if pod["metadata"]["labels"]["app"] == "web" else None), pod
    assert "Operation not permitted" in refusal("web", "mkdir", "/tmp/x")
    assert "Operation not permitted" in refusal("web", "unshare", "-U", "true")
    execute("web", "touch", "/tmp/x")
    execute("bare", "mkdir", "/tmp/x")
    execute("bare", "unshare", "-U", "true")
    # From the first act of their programs on.
    assert "mkdir: can't create directory '/tmp/first': Operation not permitted" in kubectl(
        "logs", "deployment/web")
    assert kubectl("logs", "deployment/bare") == "/tmp/first\n"


def test_wrong_policies_are_refused_with_everything_that_is_wrong():
    bad = policy("bad", rules=("disallow-mout",))
    bad["spec"]["target"]["selector"] = {"matchLabels": {"a": "b"}}
    bad["spec"]["policy"]["enhanceProtct"] = {}
    # kubectl's own check would hide ours.
    text = json.dumps(bad)
    try:
        kubectl("apply", "--validate=false", "-f", "-", text=text)
    except Failed as failed:
        said = str(failed)
    for code in ("C3: ", "G17: ", "S1: ", 'did you mean "disallow-mount"?'):
        assert code in said, said
    assert not get("varmorpolicy", "bad")
    assert not get("armorprofile", "varmor-default-bad")


def test_enforcers_that_the_node_lacks_are_an_error_with_the_reason():
    lacking = [name for name in ("AppArmor", "BPF") if f"not available: {name}: " in agent_log()]
    assert lacking, "this machine lacks none"
    apply(policy("all", "AppArmorBPFSeccomp"))
    wait_phase("all", "Error")
    found = condition("all", "Ready")
    assert found["message"].startswith("1 of 1 nodes failed, 1 of them for want"), found
    failed = wait("its condition", lambda: get("armorprofile", "varmor-default-all").get("status", {}).get(
        "conditions"))
    for name in lacking:
        assert f"unsupported: {name}: " in failed[0]["message"], failed
    # What the node has is used.
    assert os.path.exists("/var/lib/kubelet/seccomp/varmor-default-all")
    kubectl("delete", "vpol", "all", "--timeout=60s")
    assert not os.path.exists("/var/lib/kubelet/seccomp/varmor-default-all")


def test_update_is_loaded_at_once_and_holds_from_a_pods_next_start():
    apply(policy("web", calls=("rmdir",)))
    wait("the update is in force", lambda: settled("web"))
    assert condition("web", "Updated")["status"] == "True"
    # The kernel has no way to change the filter of a process that runs.
    assert "Operation not permitted" in refusal("web", "mkdir", "/tmp/x")
    kubectl("rollout", "restart", "deployment/web")
    available("web")
    execute("web", "mkdir", "/tmp/y")
    assert "Operation not permitted" in refusal("web", "rmdir", "/tmp/y")


def test_killed_agent_comes_back_and_catches_up():
    old = agent_pid()
    os.kill(old, signal.SIGKILL)
    apply(policy("web", calls=("rmdir", "symlink", "symlinkat")))
    # While it is away, what is loaded holds.
    assert "Operation not permitted" in refusal("web", "rmdir", "/tmp/y")
    wait("another agent", lambda: agent_pid() not in (None, old))
    wait("the update is in force", lambda: settled("web"))
    available("varmor-agent", "varmor", "daemonset")
    kubectl("rollout", "restart", "deployment/web")
    available("web")
    assert "Operation not permitted" in refusal("web", "ln", "-s", "a", "/tmp/b")


def test_counts_follow_the_nodes():
    kubectl("apply", "-f", "-", text=json.dumps({
        "apiVersion": "v1", "kind": "Node",
        "metadata": {"name": "node-2", "labels": {"kubernetes.io/os": "linux"}}}))
    try:
        wait("it is waited for", lambda: status("web").get("desiredNodes") == 2, 100)
        found = status("web")
        assert found["phase"] == "Pending" and found["loadedNodes"] == 1 and not found["ready"], found
    finally:
        kubectl("delete", "node", "node-2")
    wait("it is not waited for", lambda: settled("web"), 150)
    assert status("web")["desiredNodes"] == 1


def test_killed_leader_is_replaced():
    leader = get("lease", "varmor-manager", "varmor")["spec"]["holderIdentity"]
    started = time.monotonic()
    kubectl("-n", "varmor", "delete", "pod", leader, "--grace-period=0", "--force")
    apply_when_answered(policy("after"))
    wait_phase("after", "Protecting", 90)
    print(f"  {time.monotonic() - started:.1f} s from the kill to a new policy in force")
    assert get("lease", "varmor-manager", "varmor")["spec"]["holderIdentity"] != leader
    assert status("web")["phase"] == "Protecting"
    kubectl("delete", "vpol", "after", "--timeout=60s")


def test_deleted_policy_stays_until_nobody_uses_its_profile():
    path = "/var/lib/kubelet/seccomp/varmor-default-web"
    kubectl("delete", "vpol", "web", "--wait=false")
    wait("the profile retires", lambda: get("armorprofile", "varmor-default-web")["metadata"].get(
        "annotations", {}).get("varmor.org/retire") == "true")
    assert condition("web", "Deleting")["status"] == "True"
    wait("the node has one that allows everything", lambda: "SCMP_ACT_ERRNO" not in open(path).read())
    # A pod of the old template can start, and is free.
    for pod in get("pods"):
        kubectl("delete", "pod", pod["metadata"]["name"], "--wait=false")
    available("web")
    execute("web", "rmdir", "/tmp/first")
    assert get("varmorpolicy", "web"), "the policy went before its pods"
    # One that is made now is not changed.
    labels = {"app": "new"}
    apply({"apiVersion": "apps/v1", "kind": "Deployment",
           "metadata": {"name": "new", "labels": {"sandbox.varmor.org/enable": "true"}},
           "spec": {"replicas": 0, "selector": {"matchLabels": labels}, "template": {
               "metadata": {"labels": labels}, "spec": {"containers": [{"name": "c", "image": "none"}]}}}})
    assert "annotations" not in get("deployment", "new")["spec"]["template"]["metadata"]
    kubectl("delete", "deployment", "web")
    wait("policy and profile go", lambda: not get("varmorpolicy", "web") and not get(
        "armorprofile", "varmor-default-web"))
    assert not os.path.exists(path)


def test_removal_as_the_docs_say_leaves_nothing():
    apply(policy("web"))
    wait_phase("web", "Protecting")
    follow(doc_commands("docs/cluster.md", "Remove"))
    wait("no pods of ours", lambda: not get("pods", namespace="varmor"))
    for kind in ("mutatingwebhookconfigurations", "validatingwebhookconfigurations", "clusterroles",
                 "clusterrolebindings", "crd"):
        left = [name for name in kubectl("get", kind, "-o", "name").split() if "varmor" in name]
        assert not left, left
    left = [name for name in os.listdir("/var/lib/kubelet/seccomp") if name.startswith("varmor")]
    assert not left, left


def show_state():
    """What helps to see why a test failed."""
    for words in ("get pods -A -o wide", "get vpol,armorprofile -A -o yaml",
                  "-n varmor logs daemonset/varmor-agent --tail=30",
                  "-n varmor logs -l app.kubernetes.io/component=varmor-manager --tail=30",
                  "get events -A --field-selector type=Warning,reason!=MissingClusterDNS"):
        print(subprocess.run(["kubectl", *words.split()], capture_output=True, text=True, timeout=60,
                             check=False).stdout)


def main():
    wanted = [word for word in sys.argv[1:] if word != "--full"]
    passed = failed = 0
    for name, function in [(n, f) for n, f in globals().items() if n.startswith("test_")]:
        if wanted and not any(word in name for word in wanted):
            continue
        # Minutes until a node's pods are collected: only when asked for.
        if function is test_counts_follow_the_nodes and not wanted and "--full" not in sys.argv:
            print(f"[ NOT RUN  ] {name}: -- --full runs it too", flush=True)
            continue
        started = time.monotonic()
        try:
            function()
            passed += 1
            word = "[       OK ]"
        except Exception:
            failed += 1
            traceback.print_exc(file=sys.stdout)
            show_state()
            word = "[  FAILED  ]"
        print(f"{word} {name} ({time.monotonic() - started:.1f} s)", flush=True)
        if failed and function is test_installs_as_the_docs_say:
            print("nothing is installed, so no other test can run")
            break
    print(f"result: {passed} {failed}")


main()
