"""Policies from kubectl to the refused system call: the shipped manifests on a node with kubelet and
containerd. Runs inside the namespaces of the node (tools/kube/node_exec.sh).

usage: node_test.py [TEST]...     TEST: part of a test's name

The last line is "result: PASSED FAILED". The first test installs; the others build on it.
"""
import json
import os
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
    done = subprocess.run(words, input=text, capture_output=True, text=True, timeout=300, check=False)
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
    """Leads the address of varmor-status-svc to its endpoint, as kube-proxy would."""

    def __init__(self, address):
        super().__init__(daemon=True)
        self.address = address
        self.pod = None

    def run(self):
        while True:
            subsets = get("endpoints", "varmor-status-svc", "varmor").get("subsets") or [{}]
            pods = [a["ip"] for a in subsets[0].get("addresses") or []]
            if pods and pods[0] != self.pod:
                self.pod = pods[0]
                run(["iptables", "-t", "nat", "-F", "PREROUTING"])
                run(["iptables", "-t", "nat", "-A", "PREROUTING", "-d", self.address, "-p", "tcp",
                     "--dport", "8080", "-j", "DNAT", "--to-destination", f"{self.pod}:8080"])
            time.sleep(1)


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


def test_installs_as_the_docs_say():
    kubectl("apply", "-f", f"{DEPLOY}/namespace.yaml")
    kubectl("apply", "-f", f"{DEPLOY}/crds")
    kubectl("wait", "--for=condition=Established", "--timeout=60s", "crd/varmorpolicies.crd.varmor.org",
            "crd/armorprofiles.crd.varmor.org")
    kubectl("apply", "-f", f"{DEPLOY}/rbac.yaml")
    kubectl("apply", "-f", f"{DEPLOY}/manager.yaml")
    address = get("service", "varmor-status-svc", "varmor")["spec"]["clusterIP"]
    Services(address).start()
    kubectl("apply", "-f", "-", text=agent_manifest(address))
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


def show_state():
    """What helps to see why a test failed."""
    for words in ("get pods -A -o wide", "get vpol -A", "-n varmor logs daemonset/varmor-agent --tail=30",
                  "-n varmor logs -l app.kubernetes.io/component=varmor-manager --tail=30",
                  "get events -A --field-selector type=Warning,reason!=MissingClusterDNS"):
        print(subprocess.run(["kubectl", *words.split()], capture_output=True, text=True, timeout=60,
                             check=False).stdout)


def main():
    wanted = sys.argv[1:]
    passed = failed = 0
    for name, function in [(n, f) for n, f in globals().items() if n.startswith("test_")]:
        if wanted and not any(word in name for word in wanted):
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
    print(f"result: {passed} {failed}")


main()
