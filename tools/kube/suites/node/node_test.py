"""Policies from kubectl to the refused system call: the shipped manifests on a node with kubelet and
containerd. Runs inside the namespaces of the node (tools/kube/node_exec.sh).

usage: node_test.py [TEST]...     TEST: part of a test's name

The last line is "result: PASSED FAILED". The first test installs; the others build on it.
"""
import json
import os
import signal
import subprocess
import sys
import time

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)) + "/../..")
# pylint: disable=wrong-import-position
from cluster_testing import (
    Failed, agent_log, apply, apply_when_answered, available, condition, doc_commands, execute, follow, get, kubectl,
    policy_object, refusal, run_tests, settled, status, wait, wait_phase)


def policy(name, enforcer="Seccomp", rules=("disallow-create-user-ns",), calls=("mkdir", "mkdirat")):
    raw = {"syscallRawRules": [{"names": list(calls), "action": "SCMP_ACT_ERRNO"}]} if calls else {}
    return policy_object(name, enforcer, hardeningRules=list(rules), **raw)


def agent_pid():
    found = subprocess.run(["pgrep", "-x", "varmor-agent"], capture_output=True, text=True, check=False)
    return int(found.stdout.split()[0]) if found.stdout else None


def without_what_this_machine_lacks(agent):
    """Takes what this machine has not from the capabilities: runc refuses to start what asks for more."""
    with open("/proc/self/status") as lines:
        bounding = int(next(line.split()[1] for line in lines if line.startswith("CapBnd:")), 16)
    # capabilities(7)
    if not bounding >> 24 & 1:
        print("  this machine has no CAP_SYS_RESOURCE to give: the agent runs without")
        agent["containers"][0]["securityContext"]["capabilities"]["add"].remove("SYS_RESOURCE")


def test_installs_as_the_docs_say():
    follow(doc_commands("docs/cluster.md", "Install"), without_what_this_machine_lacks)
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
    kubectl("delete", "vpol", "all", "--timeout=150s")
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
    # Its pod is collected later.
    wait("it is not waited for", lambda: settled("web"), 10)
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
    kubectl("delete", "vpol", "after", "--timeout=150s")


def test_deleted_policy_stays_until_nobody_uses_its_profile():
    path = "/var/lib/kubelet/seccomp/varmor-default-web"
    kubectl("delete", "vpol", "web", "--wait=false")
    wait("the profile retires", lambda: get("armorprofile", "varmor-default-web")["metadata"].get(
        "annotations", {}).get("varmor.org/retire") == "true")
    assert condition("web", "Deleting")["status"] == "True"
    wait("the node has one that allows everything", lambda: "SCMP_ACT_ERRNO" not in open(path).read())
    # The pod that runs holds it.
    time.sleep(5)
    assert get("varmorpolicy", "web"), "the policy went before its pods"

    def restart():
        names = lambda: {pod["metadata"]["name"] for pod in get("pods")}
        old = names()
        kubectl("delete", "pod", *old, "--wait=false")
        wait("other pods", lambda: not names() & old)
        available("web")
        for pod in get("pods"):
            assert "varmor-default-web" not in json.dumps(pod["spec"]), pod
    # The next one of the same template has no profile any more.
    restart()
    execute("web", "rmdir", "/tmp/first")
    wait("policy and profile go", lambda: not get("varmorpolicy", "web") and not get(
        "armorprofile", "varmor-default-web"))
    assert not os.path.exists(path)
    # Nor does it need one, though the template names it still.
    restart()
    execute("web", "rmdir", "/tmp/first")
    assert "varmor-default-web" in json.dumps(get("deployment", "web")["spec"]["template"]["spec"])
    # One that is made now is not changed.
    labels = {"app": "new"}
    apply({"apiVersion": "apps/v1", "kind": "Deployment",
           "metadata": {"name": "new", "labels": {"sandbox.varmor.org/enable": "true"}},
           "spec": {"replicas": 0, "selector": {"matchLabels": labels}, "template": {
               "metadata": {"labels": labels}, "spec": {"containers": [{"name": "c", "image": "none"}]}}}})
    assert "annotations" not in get("deployment", "new")["spec"]["template"]["metadata"]
    kubectl("delete", "deployment", "web")


def test_removal_as_the_docs_say_leaves_nothing():
    apply(policy("web"))
    wait_phase("web", "Protecting")
    follow(doc_commands("docs/cluster.md", "Remove"), None)
    wait("no pods of ours", lambda: not get("pods", namespace="varmor"))
    for kind in ("mutatingwebhookconfigurations", "validatingwebhookconfigurations", "clusterroles",
                 "clusterrolebindings", "crd"):
        left = [name for name in kubectl("get", kind, "-o", "name").split() if "varmor" in name]
        assert not left, left
    left = [name for name in os.listdir("/var/lib/kubelet/seccomp") if name.startswith("varmor")]
    assert not left, left


def main():
    wanted = [word for word in sys.argv[1:] if word != "--full"]
    tests = [f for n, f in globals().items() if n.startswith("test_") and (
        not wanted or any(word in n for word in wanted))]
    # Minutes until a node's pods are collected: only when asked for.
    left_out = [] if wanted or "--full" in sys.argv else [test_counts_follow_the_nodes]
    passed, failed = run_tests(tests, test_installs_as_the_docs_say, left_out)
    print(f"result: {passed} {failed}")


main()
