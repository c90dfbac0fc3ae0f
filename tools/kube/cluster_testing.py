"""What tests of a whole cluster share: kubectl, waiting, the installation that docs/cluster.md describes.
Runs inside the namespaces of a node (tools/kube/node_exec.sh).
"""
import json
import os
import re
import subprocess
import sys
import threading
import time
import traceback

ROOT = os.path.dirname(os.path.abspath(__file__)) + "/../.."
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


def wait(what, condition, seconds=180):
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
        for chain in ("FORWARD", "OUTPUT"):
            run(["iptables", "-A", chain, "-d", address, "-j", "REJECT"])
        self.rule = ["-d", address, "-p", "tcp", "--dport", "8080", "-j", "DNAT", "--to-destination"]
        self.start()

    def run(self):
        old = []
        while True:
            try:
                subsets = (get("endpoints", "varmor-status-svc", "varmor") or {}).get("subsets") or [{}]
                new = [a["ip"] for a in subsets[0].get("addresses") or []]
                if new != old:
                    for chain in ("PREROUTING", "OUTPUT"):
                        run(["iptables", "-t", "nat", "-F", chain])
                        for pod in new:
                            run(["iptables", "-t", "nat", "-A", chain, *self.rule, f"{pod}:8080"])
                    old = new
            except Failed as failed:
                print(f"  services: {failed}")
            time.sleep(0.5)


services = Services()


def policy_object(name, enforcer, mode="EnhanceProtect", **rules):
    """A VarmorPolicy about the Deployment of its name; `rules`: of the section that the mode has."""
    section = mode[0].lower() + mode[1:]
    return {"apiVersion": "crd.varmor.org/v1beta1", "kind": "VarmorPolicy",
            "metadata": {"name": name, "namespace": "default"},
            "spec": {"target": {"kind": "Deployment", "name": name},
                     "policy": {"enforcer": enforcer, "mode": mode, section: rules}}}


def apply(*objects):
    return kubectl("apply", "-f", "-", text=json.dumps({"apiVersion": "v1", "kind": "List",
                                                        "items": list(objects)}))


def status(name):
    return get("varmorpolicy", name).get("status") or {}


def condition(name, kind):
    return next((c for c in status(name).get("conditions", []) if c["type"] == kind), None)


def wait_phase(name, phase, seconds=180):
    wait(f"policy {name} is {phase}: {status(name)}", lambda: status(name).get("phase") == phase, seconds)


def settled(name):
    """Whether every node has what the policy now says."""
    found = get("varmorpolicy", name)
    return (found["status"]["observedGeneration"] == found["metadata"]["generation"] and
            found["status"]["phase"] == "Protecting")


def apply_when_answered(made):
    """While no webhook answers, policies are refused."""
    wait("policies are accepted", lambda: apply(made))


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


def follow(commands, change_agent):
    """Runs what a person would. `change_agent`: takes the pod of the agent's manifest, before it is applied."""
    for words in commands:
        started = time.monotonic()
        if words[-1] == "runtime/deploy/agent.yaml" and words[1] == "apply":
            address = get("service", "varmor-status-svc", "varmor")["spec"]["clusterIP"]
            services.lead(address)
            agent = json.loads(kubectl("apply", "--dry-run=client", "-f", words[-1], "-o", "json"))
            pod = agent["spec"]["template"]["spec"]
            # There are no names of services.
            pod["hostAliases"] = [{"ip": address, "hostnames": ["varmor-status-svc.varmor"]}]
            change_agent(pod)
            kubectl("apply", "-f", "-", text=json.dumps(agent))
        elif words[-1] == "runtime/deploy/manager.yaml" and words[1] == "apply":
            kubectl("apply", "-f", "-", text=manager_manifest())
        elif words[1] == "wait":
            # kubectl 1.20 fails for a definition that was made a moment ago and has no status yet.
            wait(" ".join(words), lambda words=words: run(words))
        else:
            run(words)
        took = time.monotonic() - started
        if took > 10:
            print(f"  {took:.0f} s: {' '.join(words)}", flush=True)


def show_state():
    """What helps to see why a test failed."""
    for words in ("get pods -A -o wide", "get vpol,armorprofile -A -o yaml",
                  "-n varmor logs daemonset/varmor-agent --tail=30",
                  "-n varmor logs -l app.kubernetes.io/component=varmor-manager --tail=30",
                  "get events -A --field-selector type=Warning,reason!=MissingClusterDNS"):
        print(subprocess.run(["kubectl", *words.split()], capture_output=True, text=True, timeout=60,
                             check=False).stdout)


def run_tests(tests, installation, left_out=()):
    """Runs functions in their order and prints a line for each; when `installation` fails, no other.
    Each of `left_out` is named instead. Returns how many passed and how many failed.
    """
    passed = failed = 0
    for test in tests:
        if test in left_out:
            print(f"[ NOT RUN  ] {test.__name__}: -- --full runs it too", flush=True)
            continue
        started = time.monotonic()
        try:
            test()
            passed += 1
            word = "[       OK ]"
        except Exception:
            failed += 1
            traceback.print_exc(file=sys.stdout)
            show_state()
            word = "[  FAILED  ]"
        print(f"{word} {test.__name__} ({time.monotonic() - started:.1f} s)", flush=True)
        if failed and test is installation:
            print("nothing is installed, so no other test can run")
            break
    return passed, failed
