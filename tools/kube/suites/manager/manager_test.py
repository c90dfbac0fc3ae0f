"""varmor-manager against a real API server, with agents played by this script.

usage: manager_test.py MANAGER [TEST]...     TEST: part of a test's name

The manager runs under the rights that runtime/deploy/rbac.yaml gives. Agents have pods and tokens as
on a cluster: an API server does not tell them from real ones. The last line is "result: PASSED FAILED".
"""
import base64
import gzip
import hashlib
import http.client
import json
import os
import random
import re
import shlex
import signal
import socket
import ssl
import subprocess
import sys
import time
import traceback

OUT = os.environ["KUBE_OUT"]
SERVER = os.environ["KUBE_SERVER"]
CA = os.environ["KUBE_CA"]
ROOT = os.path.dirname(os.path.abspath(__file__)) + "/../../../.."
CRD = "/apis/crd.varmor.org/v1beta1"
FULL = "--full" in sys.argv
POLICIES = 1000 if FULL else 150
NODES = 200 if FULL else 40


class Refused(Exception):
    def __init__(self, code, body):
        super().__init__(f"{code}: {body}")
        self.code = code
        self.body = body


def request(host, port, context, method, path, body=None, headers=None, name=None):
    """Status and body of one HTTPS request."""
    with socket.create_connection((host, port), timeout=30) as plain:
        with context.wrap_socket(plain, server_hostname=name or host) as tls:
            connection = http.client.HTTPConnection(host, port, timeout=30)
            connection.sock = tls
            connection.request(method, path, body, headers or {})
            answer = connection.getresponse()
            return answer.status, answer.read().decode()


class Api:
    """The API server as administrator, over one connection that is kept."""

    def __init__(self):
        self.host, port = SERVER.removeprefix("https://").rsplit(":", 1)
        self.port = int(port)
        self.context = ssl.create_default_context(cafile=CA)
        self.connection = None

    def call(self, method, path, body=None, kind="application/json", accept="application/json"):
        headers = {"Authorization": "Bearer admin-token", "Content-Type": kind, "Accept": accept}
        data = None if body is None else json.dumps(body)
        for last in (False, True):
            if self.connection is None:
                self.connection = http.client.HTTPSConnection(
                    self.host, self.port, context=self.context, timeout=60)
            try:
                self.connection.request(method, path, data, headers)
                answer = self.connection.getresponse()
                text = answer.read().decode()
                break
            except (http.client.HTTPException, OSError):
                self.connection = None
                if last:
                    raise
        result = json.loads(text)
        if answer.status >= 300:
            raise Refused(answer.status, result.get("message", text))
        return result

    def get(self, path):
        return self.call("GET", path)

    def find(self, path):
        """None when there is none."""
        try:
            return self.get(path)
        except Refused as refused:
            if refused.code == 404:
                return None
            raise

    def create(self, path, body):
        return self.call("POST", path, body)

    def patch(self, path, body):
        return self.call("PATCH", path, body, "application/merge-patch+json")

    def delete(self, path):
        return self.call("DELETE", path)


api = Api()


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def wait(what, condition, seconds=120):
    """What `condition` returns when that is true, asked until then."""
    end = time.monotonic() + seconds
    while True:
        found = condition()
        if found:
            return found
        assert time.monotonic() < end, f"not within {seconds} s: {what}"
        time.sleep(0.05)


def account_token(account, audience=None, pod=None):
    spec = {"expirationSeconds": 3600}
    if audience:
        spec["audiences"] = [audience]
    if pod:
        spec["boundObjectRef"] = {"apiVersion": "v1", "kind": "Pod", "name": pod["metadata"]["name"],
                                  "uid": pod["metadata"]["uid"]}
    return api.create(f"/api/v1/namespaces/varmor/serviceaccounts/{account}/token",
                      {"spec": spec})["status"]["token"]


class Replica:
    """One process of the manager."""
    program = None

    def __init__(self, name, in_cluster=False, flags=()):
        self.name = name
        self.webhook, self.status, self.metrics = free_port(), free_port(), free_port()
        self.log = os.path.join(OUT, f"{name}.log")
        token = account_token("varmor-manager")
        # Either names the replica.
        environment = {"HOSTNAME" if in_cluster else "POD_NAME": name,
                       "POD_NAMESPACE": "varmor", "PATH": os.environ["PATH"],
                       "WEBHOOK_SERVICE_PORT": str(self.webhook),
                       "STATUS_SERVICE_PORT": str(self.status),
                       "METRICS_SERVICE_PORT": str(self.metrics)}
        directory = os.path.join(OUT, name)
        os.makedirs(directory, exist_ok=True)
        words = [self.program, "--enableMetrics", "--settleTime=5s", "--retireTimeout=5s",
                 "--restartExistWorkloads", *flags]
        if in_cluster:
            for file, text in (("token", token), ("namespace", "varmor"), ("ca.crt", open(CA).read())):
                with open(os.path.join(directory, file), "w") as out:
                    out.write(text)
            words += ["--serviceAccountDirectory", directory]
            environment["KUBERNETES_SERVICE_HOST"] = api.host
            environment["KUBERNETES_SERVICE_PORT"] = str(api.port)
        else:
            path = os.path.join(directory, "kubeconfig")
            with open(path, "w") as out:
                json.dump({"apiVersion": "v1", "kind": "Config", "current-context": "m",
                           "contexts": [{"name": "m", "context": {"cluster": "m", "user": "m"}}],
                           "clusters": [{"name": "m", "cluster": {
                               "server": SERVER, "certificate-authority": CA}}],
                           "users": [{"name": "m", "user": {"token": token}}]}, out)
            words += ["--kubeconfig", path, "--managerIP", "127.0.0.1"]
        self.process = subprocess.Popen(words, env=environment, stderr=open(self.log, "w"))

    def number(self, metric):
        """The sum of a metric's series; None while nobody answers."""
        try:
            connection = http.client.HTTPConnection("127.0.0.1", self.metrics, timeout=5)
            connection.request("GET", "/metrics")
            text = connection.getresponse().read().decode()
        except OSError:
            return None
        values = [float(line.rsplit(" ", 1)[1]) for line in text.splitlines()
                  if line.startswith(metric + " ") or line.startswith(metric + "{")]
        return sum(values)

    def leads(self):
        """Whether this replica leads and listens to agents."""
        if self.number("varmor_leader") != 1:
            return False
        try:
            socket.create_connection(("127.0.0.1", self.status), timeout=1).close()
            return True
        except OSError:
            return False

    def writes(self):
        return self.number("varmor_plan_actions_total")

    def memory(self):
        """Resident set in MiB."""
        with open(f"/proc/{self.process.pid}/status") as status:
            return next(int(line.split()[1]) for line in status if line.startswith("VmRSS")) // 1024

    def stop(self, how=signal.SIGTERM):
        self.process.send_signal(how)
        return self.process.wait(timeout=60)


leader = None


def start_leader(name, **arguments):
    global leader
    leader = Replica(name, **arguments)
    wait(f"{name} leads", leader.leads, 60)
    return leader


def trusted():
    """What agents trust: the authority that the manager published."""
    text = wait("ConfigMap varmor-ca",
                lambda: api.find("/api/v1/namespaces/varmor/configmaps/varmor-ca"))["data"]["ca.crt"]
    return ssl.create_default_context(cadata=text)


class Agent:
    """The pod and the token of an agent on one node, and what it says."""

    def __init__(self, node):
        self.node = node
        self.name = f"varmor-agent-{node}"
        if not api.find(f"/api/v1/nodes/{node}"):
            api.create("/api/v1/nodes", {"metadata": {"name": node}})
        pods = "/api/v1/namespaces/varmor/pods"
        pod = api.find(f"{pods}/{self.name}") or api.create(pods, {
            "metadata": {"name": self.name, "labels": {"app.kubernetes.io/component": "varmor-agent"}},
            "spec": {"nodeName": node, "serviceAccountName": "varmor-agent",
                     "automountServiceAccountToken": False,
                     "containers": [{"name": "agent", "image": "none"}]}})
        api.patch(f"{pods}/{self.name}/status", {"status": {"phase": "Running"}})
        self.token = account_token("varmor-agent", "varmor-manager", pod)
        self.context = trusted()

    def post(self, path, body, token=None, to=None):
        headers = {"Content-Type": "application/json"}
        if token is None:
            token = self.token
        if token:
            headers["Token"] = token
        data = body if isinstance(body, str) else json.dumps(body)
        return request("127.0.0.1", (to or leader).status, self.context, "POST", path, data, headers,
                       name="varmor-status-svc.varmor.svc")

    def status(self, profile, status="succeeded", message="Ready", node=None, **more):
        return self.post("/apis/v1/status", {
            "namespace": profile["metadata"]["namespace"], "armorProfile": profile["metadata"]["name"],
            "nodeName": node or self.node, "status": status, "message": message,
            "revision": revision(profile)}, **more)

    def report(self, loaded):
        """`loaded` is what `loaded` below makes of profiles."""
        code, body = self.post("/apis/v1/node", {
            "nodeName": self.node, "bootID": "b", "agentVersion": "test",
            "capabilities": {"apparmor": True, "bpf": True, "seccomp": True}, "profiles": loaded})
        assert code == 200, (code, body)
        return json.loads(body)["resync"]

    def leave(self):
        # Without a kubelet a pod goes only at once.
        api.call("DELETE", f"/api/v1/namespaces/varmor/pods/{self.name}", {"gracePeriodSeconds": 0})


def loaded(profiles):
    return {f"{p['metadata']['namespace']}/{p['metadata']['name']}":
            {"revision": revision(p), "status": "succeeded", "message": "Ready"} for p in profiles}


def revision(profile):
    spec = profile["spec"]
    text = json.dumps({"behaviorModeling": spec.get("behaviorModeling"), "profile": spec.get("profile")},
                      sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()


def desire(nodes):
    path = "/apis/apps/v1/namespaces/varmor/daemonsets"
    if not api.find(f"{path}/varmor-agent"):
        label = {"app.kubernetes.io/component": "varmor-agent"}
        api.create(path, {"metadata": {"name": "varmor-agent"}, "spec": {
            "selector": {"matchLabels": label},
            "template": {"metadata": {"labels": label},
                         "spec": {"containers": [{"name": "agent", "image": "none"}]}}}})
    api.patch(f"{path}/varmor-agent/status", {"status": {
        "desiredNumberScheduled": nodes, "currentNumberScheduled": nodes, "numberMisscheduled": 0,
        "numberReady": nodes}})


def policy_path(name="", namespace="default"):
    return f"{CRD}/namespaces/{namespace}/varmorpolicies" + (f"/{name}" if name else "")


def profile_of(name, namespace="default"):
    return api.find(f"{CRD}/namespaces/{namespace}/armorprofiles/varmor-{namespace}-{name}")


def policy(name, rules=("disallow-mount",), enforcer="AppArmorBPFSeccomp"):
    return {"apiVersion": "crd.varmor.org/v1beta1", "kind": "VarmorPolicy", "metadata": {"name": name},
            "spec": {"target": {"kind": "Deployment", "name": name}, "policy": {
                "enforcer": enforcer, "mode": "EnhanceProtect",
                "enhanceProtect": {"hardeningRules": list(rules)}}}}


def phase(name):
    return (api.get(policy_path(name)).get("status") or {}).get("phase")


def condition(name, kind):
    for each in api.get(policy_path(name))["status"]["conditions"]:
        if each["type"] == kind:
            return each
    return None


def wait_phase(name, wanted, seconds=120):
    wait(f"{name} is {wanted}", lambda: phase(name) == wanted, seconds)


def versions():
    """Of every policy and ArmorProfile, so that any write is seen."""
    return {item["metadata"]["uid"]: item["metadata"]["resourceVersion"]
            for plural in ("varmorpolicies", "varmorclusterpolicies", "armorprofiles")
            for item in api.get(f"{CRD}/{plural}")["items"]}


def quiet():
    """`versions` once nothing changes any more."""
    before = versions()
    while True:
        time.sleep(3)
        now = versions()
        if now == before:
            return now
        before = now


def protect(name, agents):
    """A policy that all agents loaded."""
    api.create(policy_path(), policy(name))
    profile = wait("its profile", lambda: profile_of(name))
    for agent in agents:
        assert agent.status(profile)[0] == 200
    wait_phase(name, "Protecting")


def refusal(call, *arguments):
    try:
        call(*arguments)
    except Refused as refused:
        return refused.body
    raise AssertionError("was not refused")


agents = []


def kubectl(words, fails=False):
    run = subprocess.run([os.environ["KUBE_BIN"] + "/kubectl", *words], cwd=ROOT, text=True, timeout=120,
                         stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    assert (run.returncode != 0) == fails, (words, run.stdout)
    return run.stdout


def install():
    kubectl(["apply", "-f", "runtime/deploy/namespace.yaml"])
    kubectl(["apply", "-f", "runtime/deploy/crds", "-f", "runtime/deploy/rbac.yaml",
             "-f", "runtime/deploy/rollout-rbac.yaml"])
    # Outside of a cluster the webhook configurations have names of their own.
    kubectl(["apply", "-f", "tools/kube/suites/manager/debug-rbac.yaml"])
    kubectl(["wait", "--for=condition=Established", "--timeout=120s", "crd", "--all"])


def doc_lines():
    """The consoles of docs/cluster.md: lines up to its first policy, and the others."""
    text = open(f"{ROOT}/docs/cluster.md").read()
    lines = "\n".join(re.findall(r"```console\n(.*?)```", text, re.S)).splitlines()
    assert len([line for line in lines if line.startswith("$ kubectl ")]) > 15
    first = lines.index("$ kubectl apply -f runtime/deploy/examples/policy.yaml")
    return lines[:first], lines[first:]


def walk(lines):
    """Runs every command in its order; the manager and the agents are ours."""
    for index, line in enumerate(lines):
        if not line.startswith("$ kubectl "):
            continue
        expected = lines[index + 1] if index + 1 < len(lines) else "$ "
        fails = expected.startswith("Error")
        if "delete -f runtime/deploy/manager.yaml" in line:
            assert leader.stop() == 0
        if "--for=condition=Established" in line:
            # kubectl 1.20 fails for a definition that was made a moment ago and has no status yet.
            wait("the definitions have a status", lambda: all(
                item.get("status", {}).get("conditions") for item in api.get(
                    "/apis/apiextensions.k8s.io/v1/customresourcedefinitions")["items"]))
        # Nobody collects garbage here, so what is deleted in the foreground would stay for ever.
        output = kubectl(shlex.split(line.replace(" --cascade=foreground", ""))[2:], fails)
        assert expected.startswith("$ ") or expected in output, output
        if "apply -f runtime/deploy/manager.yaml" in line:
            kubectl(["apply", "-f", "tools/kube/suites/manager/debug-rbac.yaml"])
            # Ours does not start beside others; here nobody makes their pods anyway.
            kubectl(["-n", "varmor", "scale", "--replicas=0", "deployment/varmor-manager"])
            start_leader("manager-docs")
        elif "apply -f runtime/deploy/agent.yaml" in line:
            desire(1)
            agents.append(Agent("node-a"))
        elif "examples/policy.yaml" in line:
            profile = wait("its profile", lambda: profile_of("web"))
            assert agents[0].status(profile)[0] == 200
        elif "get deployment" in line:
            assert "localhost/varmor-default-web" in output, output
        elif "get varmorpolicies" in line and api.get(policy_path())["items"]:
            assert "Protecting" in output, output
    agents.pop().leave()
    kubectl(["delete", "deployment", "web"])


def test_documentation_does_what_it_says():
    install, others = doc_lines()
    walk(install + others)


def test_readme_installs_what_the_documentation_goes_on_with():
    """README.md's commands as they stand, instead of those of docs/cluster.md."""
    section = open(f"{ROOT}/README.md").read().split("\n## In a cluster\n")[1].split("\n#")[0]
    commands = re.findall(r"^    (.*?)(?: +#.*)?$", section, re.M)
    assert commands and all(line.startswith("kubectl ") for line in commands), commands
    walk(["$ " + line for line in commands] + doc_lines()[1])


def test_policy_is_protecting_when_all_agents_loaded_it():
    install()
    start_leader("manager-0")
    desire(2)
    agents.extend(Agent(node) for node in ("node-a", "node-b"))
    wait("both webhooks are registered", lambda: len(api.get(
        "/apis/admissionregistration.k8s.io/v1/validatingwebhookconfigurations")["items"]) == 1)
    started = time.monotonic()
    api.create(policy_path(), policy("web"))
    profile = wait("its profile", lambda: profile_of("web"))
    print(f"  profile after {1000 * (time.monotonic() - started):.0f} ms")
    wait_phase("web", "Pending")
    assert profile["spec"]["profile"]["enforcer"] == "AppArmorBPFSeccomp"
    assert profile["metadata"]["finalizers"] == ["varmor.org/ap-protection"]
    assert profile["metadata"]["ownerReferences"][0]["name"] == "web"
    assert "profile varmor-default-web" in profile["spec"]["profile"]["content"]
    assert agents[0].status(profile)[0] == 200
    # Not before every node said so.
    wait("one node is counted", lambda: api.get(policy_path("web"))["status"].get("loadedNodes") == 1)
    assert phase("web") == "Pending"
    assert agents[1].status(profile)[0] == 200
    wait_phase("web", "Protecting")
    status = api.get(policy_path("web"))["status"]
    assert status["ready"] and status["desiredNodes"] == 2 and status["observedGeneration"] == 1
    wait("the ArmorProfile counts too",
         lambda: profile_of("web")["status"]["currentNumberLoaded"] == 2)


def test_definitions_are_those_of_the_contract():
    wanted = {
        "varmorpolicies": (True, ["vpol"], "Name Enforcer Mode Target-Kind Target-Name Target-Selector "
                                           "Profile-Name Ready Status Age"),
        "varmorclusterpolicies": (False, ["vcpol"], "Name Enforcer Mode Target-Kind Target-Name Target-Selector "
                                                    "Profile-Name Ready Status Age"),
        "armorprofiles": (True, None, "Name Profile Enforcer Mode Desired Current Age"),
        "armorprofilemodels": (True, None, "Name Storage-Type Desired Completed Ready Age")}
    served = {each["name"]: each for each in api.get(CRD)["resources"]}
    assert set(served) == {name + part for name in wanted for part in ("", "/status")}, served.keys()
    for name, (namespaced, short, columns) in wanted.items():
        assert served[name]["namespaced"] == namespaced and served[name].get("shortNames") == short, served[name]
        table = api.call("GET", f"{CRD}/{name}", accept="application/json;as=Table;g=meta.k8s.io;v=v1")
        found = [column["name"] for column in table["columnDefinitions"]]
        assert [each.lower() for each in found] == columns.lower().split(), found


def test_agent_that_fails_is_named():
    profile = profile_of("web")
    assert agents[1].status(profile, "failed", "unsupported: BPF LSM is not enabled")[0] == 200
    wait_phase("web", "Error")
    assert condition("web", "Ready")["message"].startswith("1 of 2 nodes failed, 1 of them for want")
    failed = wait("its condition", lambda: profile_of("web")["status"].get("conditions"))
    assert failed[0]["nodeName"] == "node-b" and "BPF LSM" in failed[0]["message"]
    assert agents[1].status(profile)[0] == 200
    wait_phase("web", "Protecting")


def test_tokens_are_checked_and_bound_to_their_node():
    profile = profile_of("web")
    assert agents[0].status(profile, token="")[0] == 401
    assert agents[0].status(profile, token="a.b.c")[0] == 401
    code, body = agents[0].status(profile, node="node-b")
    assert code == 403 and "node-a" in body, (code, body)
    other = account_token("varmor-manager", "varmor-manager")
    assert agents[0].status(profile, token=other)[0] == 403
    # The same account, another audience; and without a pod.
    assert agents[0].status(profile, token=account_token("varmor-agent"))[0] == 401
    assert agents[0].status(profile, token=account_token("varmor-agent", "varmor-manager"))[0] == 403
    assert agents[0].post("/apis/v1/status", "{")[0] == 400
    assert phase("web") == "Protecting"


def test_update_waits_for_agents_again():
    old = profile_of("web")
    api.patch(policy_path("web"),
              {"spec": {"policy": {"enhanceProtect": {"hardeningRules": ["disallow-umount"]}}}})
    new = wait("another profile", lambda: (lambda p: revision(p) != revision(old) and p)(profile_of("web")))
    wait_phase("web", "Pending")
    # Late words about the profile before.
    for agent in agents:
        assert agent.status(old)[0] == 200
    assert agents[0].report(loaded([old])) == ["default/varmor-default-web"]
    time.sleep(3)
    assert phase("web") == "Pending"
    assert agents[0].report(loaded([new])) == []
    assert agents[1].status(new)[0] == 200
    wait_phase("web", "Protecting")
    assert condition("web", "Updated")["status"] == "True"


def test_update_that_compiles_to_the_same_does_not_touch_the_profile():
    generation = profile_of("web")["metadata"]["generation"]
    api.patch(policy_path("web"),
              {"spec": {"policy": {"enhanceProtect": {"hardeningRules": ["DISALLOW_UMOUNT"]}}}})
    wait("the generation is observed", lambda: (lambda p: p["status"]["observedGeneration"] ==
                                               p["metadata"]["generation"])(api.get(policy_path("web"))))
    assert phase("web") == "Protecting"
    assert profile_of("web")["metadata"]["generation"] == generation


def test_bad_policies_are_refused_with_everything_that_is_wrong():
    bad = policy("bad", rules=("disallow-mout", "x"))
    bad["spec"]["target"]["selector"] = {"matchLabels": {"a": "b"}}
    bad["spec"]["policy"]["enhanceProtct"] = {}
    text = refusal(api.create, policy_path(), bad)
    for code in ("C3: ", "G17: ", "S1: "):
        assert code in text, text
    assert 'did you mean "disallow-mount"?' in text and "enhanceProtct" in text
    text = refusal(api.patch, policy_path("web"), {"spec": {"target": {"name": "other"}}})
    assert "U1: " in text, text
    text = refusal(api.patch, policy_path("web"), {"spec": {"policy": {"enforcer": "AppArmor"}}})
    assert "U4: " in text, text
    modeling = policy("modeling")
    modeling["spec"]["policy"] = {"enforcer": "AppArmor", "mode": "BehaviorModeling",
                                  "modelingOptions": {"duration": 1}}
    assert "C5: " in refusal(api.create, policy_path(), modeling)


def merged(target, patch):
    """RFC 7396."""
    if not isinstance(patch, dict):
        return patch
    result = dict(target) if isinstance(target, dict) else {}
    for key, value in patch.items():
        if value is None:
            result.pop(key, None)
        else:
            result[key] = merged(result.get(key), value)
    return result


def mistakes():
    """(what the table says, the policy) for each code of the table, in a namespace of their own."""
    with open(f"{ROOT}/runtime/manager/testdata/policy_codes.json") as file:
        table = json.load(file)
    for number, case in enumerate(table["cases"]):
        base = merged(table["policy"], {"metadata": {"name": f"m{number}", "namespace": "codes"}})
        yield case, merged(base, case["patch"])


def test_every_mistake_is_refused_with_its_code():
    api.create("/api/v1/namespaces", {"metadata": {"name": "codes"}})
    codes = set()
    for case, wrong in mistakes():
        text = refusal(api.create, policy_path(namespace="codes"), wrong)
        if "server" in case:
            # The schema of the definition refuses it before the webhook is asked.
            assert case["server"] in text, (case, text)
        else:
            assert f"{case['code']}: " in text and case["says"] in text, (case, text)
        codes.add(case["code"])
    print(f"  {len(codes)} codes: {' '.join(sorted(codes))}")


VALIDATING = ("/apis/admissionregistration.k8s.io/v1/validatingwebhookconfigurations/"
              "varmor-policy-validating-webhook-cfg-debug")


def without_webhook(first):
    """Deletes the validating webhook and does `first` as soon as that has an effect. The manager puts it back."""
    wait("the webhook is there", lambda: api.find(VALIDATING), 60)
    api.delete(VALIDATING)

    def attempt():
        try:
            return first()
        except Refused:
            return None
    return wait("the webhook is gone", attempt, 5)


def test_every_mistake_that_got_past_the_webhook_is_in_the_status():
    wrong = [(case, each) for case, each in mistakes() if "server" not in case]
    without_webhook(lambda: api.create(policy_path(namespace="codes"), wrong[0][1]))
    for _, each in wrong[1:]:
        api.create(policy_path(namespace="codes"), each)
    for case, each in wrong:
        path = policy_path(each["metadata"]["name"], "codes")
        status = wait(f"{case} has a status", lambda path=path: api.get(path).get("status"))
        created = next(c for c in status["conditions"] if c["type"] == "Created")
        assert status["phase"] == "Error" and not status["ready"], (case, status)
        assert created["status"] == "False", (case, created)
        assert f"{case['code']}: " in created["message"] and case["says"] in created["message"], (case, created)
        assert created["reason"] == ("Forbidden" if re.search("^C", created["message"]) else "Error"), created
    assert not api.get(f"{CRD}/namespaces/codes/armorprofiles")["items"]
    for _, each in wrong:
        api.delete(policy_path(each["metadata"]["name"], "codes"))
    wait("the webhook is registered again", lambda: api.find(VALIDATING), 60)


def test_refused_updates_that_got_past_the_webhook_change_nothing():
    profile = profile_of("web")
    good = api.get(policy_path("web"))["spec"]

    def edit(spec):
        """`spec` as a whole; a merge patch would keep what is not in it."""
        found = api.get(policy_path("web"))
        return api.call("PUT", policy_path("web"), {**found, "spec": spec})
    edits = [
        ("U1", {"target": {"name": "other"}}, "Forbidden"),
        ("U4", {"policy": {"enforcer": "AppArmor"}}, "Forbidden"),
        ("C4", {"policy": {"enhanceProtect": None}}, "Forbidden"),
        ("C5", {"policy": {"mode": "BehaviorModeling", "modelingOptions": {"duration": 1}}}, "Forbidden"),
        ("C8", {"policy": {"mode": "DefenseInDepth"}}, "Forbidden"),
        ("G17", {"policy": {"enhanceProtect": {"hardeningRules": ["disallow-mout"]}}}, "Error"),
    ]
    for number, (code, patch, reason) in enumerate(edits):
        spec = merged(good, patch)
        if number == 0:
            without_webhook(lambda spec=spec: edit(spec))
        else:
            edit(spec)
        wait(f"{code} is told", lambda code=code: f"{code}: " in (condition("web", "Updated") or {}).get("message", ""))
        updated = condition("web", "Updated")
        assert updated["status"] == "False" and updated["reason"] == reason, updated
        status = api.get(policy_path("web"))["status"]
        assert status["phase"] == "Error" and status["ready"] and status["loadedNodes"] == 2, status
        assert profile_of("web")["spec"] == profile["spec"]
    edit(good)
    wait_phase("web", "Protecting")
    wait("the webhook is registered again", lambda: api.find(VALIDATING), 60)


def test_workloads_get_their_profile():
    path = "/apis/apps/v1/namespaces/default/deployments"
    labels = {"app": "web"}
    deployment = {"metadata": {"name": "web", "labels": {"sandbox.varmor.org/enable": "true"}},
                  "spec": {"selector": {"matchLabels": labels},
                           "template": {"metadata": {"labels": labels}, "spec": {
                               "containers": [{"name": "c", "image": "none"}]}}}}
    made = api.create(path, deployment)
    template = made["spec"]["template"]
    wanted = "localhost/varmor-default-web"
    annotations = template["metadata"]["annotations"]
    assert annotations["container.bpf.security.beta.varmor.org/c"] == wanted
    assert annotations["container.apparmor.security.beta.kubernetes.io/c"] == wanted
    seccomp = template["spec"]["containers"][0]["securityContext"]["seccompProfile"]
    assert seccomp == {"type": "Localhost", "localhostProfile": "varmor-default-web"}
    # One that no policy names stays as it is.
    deployment["metadata"]["name"] = "other"
    assert "annotations" not in api.create(path, deployment)["spec"]["template"]["metadata"]


def test_metrics_have_the_names_of_the_contract():
    texts = []
    for path in ("/metrics", "/metric"):
        connection = http.client.HTTPConnection("127.0.0.1", leader.metrics, timeout=5)
        connection.request("GET", path)
        texts.append(connection.getresponse().read().decode())
    for name, kind in (
            ("varmor_admission_requests_total", "counter"), ("varmor_mutated_requests_total", "counter"),
            ("varmor_non_mutated_requests_total", "counter"), ("varmor_webhook_latency", "histogram"),
            ("varmor_profile_processing_success_total", "counter"),
            ("varmor_profile_processing_failure_total", "counter"),
            ("varmor_profile_change_count_total", "counter"), ("varmor_policy_ready", "gauge"),
            ("varmor_policy_nodes", "gauge"), ("varmor_leader", "gauge"), ("varmor_workqueue_depth", "gauge"),
            ("varmor_workqueue_retries_total", "counter"), ("varmor_cert_expiry_seconds", "gauge")):
        for text in texts:
            assert f"# TYPE {name} {kind}\n" in text, (name, text)
    for series in ('varmor_profile_processing_success_total{node_name="node-a"}',
                   'varmor_policy_ready{kind="VarmorPolicy",namespace="default",name="web"} 1',
                   'varmor_webhook_latency_count{request_kind="Deployment",request_operation="CREATE"'):
        assert series in texts[0], texts[0]


def test_pods_of_old_templates_start_without_a_policy_that_is_gone():
    """A controller makes pods with the labels of the template, not with those of the workload."""
    protect("gone", agents)
    labels = {"app": "gone"}
    container = {"name": "c", "image": "none", "securityContext": {"seccompProfile": {"type": "RuntimeDefault"}}}
    template = api.create("/apis/apps/v1/namespaces/default/deployments", {
        "metadata": {"name": "gone", "labels": {"sandbox.varmor.org/enable": "true"}},
        "spec": {"selector": {"matchLabels": labels}, "template": {
            "metadata": {"labels": labels}, "spec": {"containers": [container]}}}})["spec"]["template"]
    assert template["metadata"]["labels"] == {"app": "gone", "varmor.org/profile": "varmor-default-gone"}
    # A policy of pods, which would select it if it asked for one.
    of_pods = policy("of-pods", enforcer="BPF")
    of_pods["spec"]["target"] = {"kind": "Pod", "selector": {"matchLabels": labels}}
    api.create(policy_path(), of_pods)

    def pod(name):
        spec = {**template["spec"], "automountServiceAccountToken": False}
        made = api.create("/api/v1/namespaces/default/pods", {
            "metadata": {**template["metadata"], "name": name}, "spec": spec})
        annotations = {k: v for k, v in made["metadata"].get("annotations", {}).items()
                       if k != "webhook.varmor.org/mutatedAt" and "alpha.kubernetes.io" not in k}
        return annotations, made["metadata"]["labels"], made["spec"]["containers"][0]["securityContext"]
    name = "varmor-default-gone"
    of = lambda pod: (pod[0].get("container.bpf.security.beta.varmor.org/c"), pod[2]["seccompProfile"])
    protected = ("localhost/" + name, {"type": "Localhost", "localhostProfile": name})
    assert of(pod("gone-0")) == protected
    api.delete(policy_path("gone"))
    wait("the webhook knows", lambda: pod(f"gone-{time.monotonic_ns()}") == (
        {}, labels, container["securityContext"]), 10)
    wait("the policy is gone", lambda: not api.find(policy_path("gone")))
    assert pod("gone-1") == ({}, labels, container["securityContext"])
    api.delete(policy_path("of-pods"))
    wait("the other is gone", lambda: not api.find(policy_path("of-pods")))


def test_workloads_that_run_are_restarted_when_the_policy_asks_for_it():
    path = "/apis/apps/v1/namespaces/default/deployments"
    labels = {"app": "old"}
    api.create(path, {"metadata": {"name": "old", "labels": {"sandbox.varmor.org/enable": "true"}},
                      "spec": {"selector": {"matchLabels": labels}, "replicas": 1,
                               "template": {"metadata": {"labels": labels}, "spec": {
                                   "containers": [{"name": "c", "image": "none"}]}}}})
    wanted = policy("old", enforcer="AppArmor")
    wanted["spec"]["updateExistingWorkloads"] = True
    api.create(policy_path(), wanted)
    profile = wait("its profile", lambda: profile_of("old"))
    annotations = lambda: api.get(f"{path}/old")["spec"]["template"]["metadata"].get("annotations", {})
    name = "container.apparmor.security.beta.kubernetes.io/c"
    time.sleep(1)
    assert name not in annotations()  # no node has the profile yet
    for agent in agents:
        assert agent.status(profile)[0] == 200
    wait("it is restarted", lambda: annotations().get(name) == "localhost/varmor-default-old")
    assert "controller.varmor.org/restartedAt" in annotations()
    wait("it is reported", lambda: condition("old", "WorkloadsUpdated"))
    assert condition("old", "WorkloadsUpdated")["status"] == "False"
    # What the controllers of a cluster would say.
    api.patch(f"{path}/old/status", {"status": {"observedGeneration": 2, "replicas": 1,
                                                "updatedReplicas": 1, "readyReplicas": 1,
                                                "availableReplicas": 1}})
    wait("it is done", lambda: condition("old", "WorkloadsUpdated")["status"] == "True")
    api.delete(policy_path("old"))
    wait("it is released", lambda: name not in annotations())
    wait("the policy is gone", lambda: not api.find(policy_path("old")))


def test_cluster_policy_has_its_profile_in_the_installation():
    everywhere = policy("base")
    everywhere["kind"] = "VarmorClusterPolicy"
    api.create(f"{CRD}/varmorclusterpolicies", everywhere)
    profile = wait("its profile", lambda: api.find(
        f"{CRD}/namespaces/varmor/armorprofiles/varmor-cluster-varmor-base"))
    for agent in agents:
        assert agent.status(profile)[0] == 200
    wait("it is protecting", lambda: api.get(f"{CRD}/varmorclusterpolicies/base")["status"]["phase"] ==
         "Protecting")


def test_names_that_collide_are_refused():
    for namespace in ("a", "a-b"):
        api.create("/api/v1/namespaces", {"metadata": {"name": namespace}})
    first, second = policy("b-c"), policy("c")
    api.create(policy_path(namespace="a"), first)
    wait("its profile", lambda: profile_of("b-c", "a"))
    assert "NameCollision: " in refusal(api.create, policy_path(namespace="a-b"), second)
    api.delete(policy_path("b-c", "a"))
    profile = profile_of("b-c", "a")
    for agent in agents:
        agent.status(profile, "retired")
    wait("it is gone", lambda: not api.find(policy_path("b-c", "a")))


def test_killed_leader_is_replaced_and_nothing_is_written():
    global leader
    second = Replica("manager-1")
    wait("the second replica serves webhooks", lambda: second.number("varmor_leader") == 0)
    before = quiet()
    killed = time.monotonic()
    leader.stop(signal.SIGKILL)
    leader = second
    wait("the second replica leads", second.leads, 60)
    print(f"  leads {time.monotonic() - killed:.1f} s after the kill")
    # Reports come one by one; silence is no news meanwhile.
    profiles = loaded(api.get(f"{CRD}/armorprofiles")["items"])
    assert agents[0].report(profiles) == []
    time.sleep(3)
    assert versions() == before
    assert agents[1].report(profiles) == []
    time.sleep(5)
    assert versions() == before
    assert second.writes() == 0
    # And it works: webhook, controllers, status.
    protect("after", agents)


def test_leaders_that_are_killed_at_work_leave_nothing_undone():
    """Whatever a leader was about to write, the next one ends where it would have."""
    global leader
    chance = random.Random(1)
    for kill in range(3):
        names = [f"kill-{kill}-{i}" for i in range(12)]
        for name in names:
            api.create(policy_path(), policy(name, enforcer="AppArmor"))
        for name in names[:4]:
            api.delete(policy_path(name))
        for name in names[4:8]:
            api.patch(policy_path(name), {"spec": {"policy": {"enforcer": "AppArmorSeccomp"}}})
        time.sleep(chance.uniform(0, 0.4))
        leader.stop(signal.SIGKILL)
        start_leader(f"manager-killed-{kill}")
        trust = trusted()
        for agent in agents:
            agent.context = trust
        profiles = lambda names=names: [wait(f"the profile of {name}", lambda name=name: profile_of(name))
                                        for name in names[4:]]
        for name, profile in zip(names[4:], profiles()):
            wanted = "AppArmorSeccomp" if name in names[4:8] else "AppArmor"
            wait(f"the enforcers of {name}",
                 lambda name=name, wanted=wanted: profile_of(name)["spec"]["profile"]["enforcer"] == wanted)
        # None but these, once the four that were deleted are.
        wait("the deleted ones are gone", lambda: not any(
            api.find(policy_path(name)) or profile_of(name) for name in names[:4]))
        for agent in agents:
            assert agent.report(loaded(api.get(f"{CRD}/armorprofiles")["items"])) == []
        for name in names[4:]:
            wait_phase(name, "Protecting")
            api.delete(policy_path(name))
    wait("all are gone", lambda: not any(
        item["metadata"]["name"].startswith("kill-") for item in api.get(policy_path())["items"]), 60)


def test_deleted_policy_goes_when_no_node_uses_it():
    profile = profile_of("after")
    api.delete(policy_path("after"))
    wait("the profile retires",
         lambda: profile_of("after")["metadata"].get("annotations", {}).get("varmor.org/retire") == "true")
    wait("the policy says so", lambda: (condition("after", "Deleting") or {}).get("status") == "True")
    assert agents[0].status(profile, "retired")[0] == 200
    time.sleep(1)
    assert profile_of("after")
    assert agents[1].status(profile, "retired")[0] == 200
    wait("the profile is gone", lambda: not profile_of("after"))
    wait("the policy is gone", lambda: not api.find(policy_path("after")))


def test_deleted_policy_does_not_wait_for_ever():
    protect("silent", agents)
    api.delete(policy_path("silent"))
    wait("the policy is gone", lambda: not api.find(policy_path("silent")), 20)
    assert not profile_of("silent")


def test_profile_that_somebody_edited_is_mended():
    profile = profile_of("web")
    path = f"{CRD}/namespaces/default/armorprofiles/varmor-default-web"
    api.patch(path, {"spec": {"profile": {"content": "profile other {}"}}})
    wait("it is mended", lambda: profile_of("web")["spec"] == profile["spec"])


def test_node_that_left_is_not_waited_for():
    third = Agent("node-c")
    desire(3)
    wait("it is waited for", lambda: phase("web") == "Pending")
    third.leave()
    desire(2)
    wait_phase("web", "Protecting")


def test_node_that_was_deleted_is_not_waited_for():
    """Nor for its pod to be collected, nor for the DaemonSet's controller to look again."""
    third = Agent("node-c")
    desire(3)
    wait("it is waited for", lambda: phase("web") == "Pending")
    deleted = time.monotonic()
    api.delete("/api/v1/nodes/node-c")
    wait_phase("web", "Protecting")
    print(f"  {time.monotonic() - deleted:.1f} s from the deletion of the node")
    assert api.get(policy_path("web"))["status"]["desiredNodes"] == 2
    third.leave()
    desire(2)


def test_many_policies_and_nodes():
    agents.extend(Agent(f"node-{i}") for i in range(NODES - len(agents)))
    desire(NODES)
    writes = leader.writes()
    started = time.monotonic()
    for i in range(POLICIES):
        api.create(policy_path(), policy(f"p{i}", enforcer="AppArmorSeccomp"))
    created = time.monotonic()

    def all_profiles():
        items = api.get(f"{CRD}/namespaces/default/armorprofiles")["items"]
        return [i for i in items if i["metadata"]["name"].startswith("varmor-default-p")]
    wait("all profiles", lambda: len(all_profiles()) == POLICIES, 300)
    print(f"  {POLICIES} policies accepted after {created - started:.1f} s, all profiles after "
          f"{time.monotonic() - started:.1f} s")
    profiles = loaded(api.get(f"{CRD}/armorprofiles")["items"])
    started = time.monotonic()
    for agent in agents:
        assert agent.report(profiles) == []
    reported = time.monotonic()

    def protecting():
        items = api.get(f"{CRD}/namespaces/default/varmorpolicies")["items"]
        return sum(1 for i in items if (i.get("status") or {}).get("phase") == "Protecting")
    wait("all are protecting", lambda: protecting() == POLICIES + 1, 300)
    print(f"  {NODES} nodes reported {len(profiles)} profiles each within {reported - started:.1f} s; "
          f"all policies are protecting {time.monotonic() - started:.1f} s after the first report")
    print(f"  memory of the leader: {leader.memory()} MiB; "
          f"{(leader.writes() - writes) / POLICIES:.2f} writes for each policy")
    # No news: no writes.
    before, writes = quiet(), leader.writes()
    for agent in agents:
        agent.report(profiles)
    time.sleep(8)
    assert versions() == before
    assert leader.writes() == writes


def test_new_leader_over_many_policies_writes_nothing():
    global leader
    before = quiet()
    profiles = loaded(api.get(f"{CRD}/armorprofiles")["items"])
    started = time.monotonic()
    assert leader.stop() == 0
    # Longer than all nodes need to report.
    settle = 60 if FULL else 20
    start_leader("manager-2", flags=(f"--settleTime={settle}s",))
    settled = time.monotonic() + settle
    print(f"  leads {time.monotonic() - started:.1f} s after the other was asked to stop")
    # Outside of a cluster a manager that ends takes its certificates with it.
    trust = trusted()
    for agent in agents:
        agent.context = trust
        agent.report(profiles)
    assert time.monotonic() < settled, "the nodes took too long to report"
    assert versions() == before
    time.sleep(max(0, settled + 10 - time.monotonic()))
    assert versions() == before
    assert leader.writes() == 0
    print(f"  memory of the leader: {leader.memory()} MiB")


def test_in_a_cluster_names_are_those_that_are_shipped():
    global leader
    assert leader.stop() == 0
    webhooks = "/apis/admissionregistration.k8s.io/v1/"
    names = ("mutatingwebhookconfigurations/varmor-resource-mutating-webhook-cfg",
             "validatingwebhookconfigurations/varmor-policy-validating-webhook-cfg")
    for name in names:
        assert not api.find(webhooks + name + "-debug")
    pod = {"metadata": {"name": "manager-3", "labels": {
        "app.kubernetes.io/component": "varmor-manager"}},
        "spec": {"nodeName": "node-a", "automountServiceAccountToken": False,
                 "containers": [{"name": "manager", "image": "none"}]}}
    pods = "/api/v1/namespaces/varmor/pods"
    api.create(pods, pod)
    pod["metadata"]["name"] = "manager-old"
    pod["metadata"]["labels"]["identity"] = "leader"
    api.create(pods, pod)
    start_leader("manager-3", in_cluster=True)
    for name in names:
        wait(name, lambda name=name: api.find(webhooks + name))
    wait("the leader's label", lambda: api.get(f"{pods}/manager-3")["metadata"]["labels"].get(
        "identity") == "leader")
    wait("no other has it", lambda: "identity" not in api.get(f"{pods}/manager-old")["metadata"]["labels"])
    log = open(leader.log).read()
    assert "PERMISSION_DENIED" not in log, log
    # There is no Deployment, so nobody is left behind.
    assert leader.stop() == 0
    for name in names:
        assert not api.find(webhooks + name)
    assert not api.find("/api/v1/namespaces/varmor/secrets/varmor-webhook-svc.varmor.varmor-tls-pair")


def test_outside_of_a_cluster_one_does_not_start_beside_those_inside():
    label = {"app.kubernetes.io/component": "varmor-manager"}
    deployments = "/apis/apps/v1/namespaces/varmor/deployments"
    api.create(deployments, {"metadata": {"name": "varmor-manager"}, "spec": {
        "replicas": 1, "selector": {"matchLabels": label},
        "template": {"metadata": {"labels": label},
                     "spec": {"containers": [{"name": "manager", "image": "none"}]}}}})
    outside = Replica("manager-outside")
    try:
        assert outside.process.wait(timeout=60) == 1
    finally:
        outside.process.kill()
    log = open(outside.log).read()
    assert "scale --replicas=0 deployment/varmor-manager" in log, log
    api.delete(f"{deployments}/varmor-manager")


def holds(profile, address):
    """Whether the BPF maps of an ArmorProfile have an IPv4 address."""
    artifacts = gzip.decompress(base64.b64decode(profile["spec"]["profile"]["artifacts"]))
    return socket.inet_aton(address) in artifacts


def test_addresses_of_pods_and_services_are_followed():
    global leader
    kubectl(["apply", "-f", "runtime/deploy/egress-rbac.yaml"])
    start_leader("manager-4", flags=("--enablePodServiceEgressControl",))
    labels = {"app": "peer"}
    rules = {"toDestinations": [{"ip": "10.77.0.1", "ports": [{"port": 80}]}],
             "toPods": [{"namespace": "default", "podSelector": {"matchLabels": labels}}],
             "toServices": [{"namespace": "default", "name": "peers"}]}
    egress = policy("egress", enforcer="BPF")
    egress["spec"]["policy"]["enhanceProtect"] = {"bpfRawRules": {"network": {"egress": rules}}}
    wait("policies are accepted", lambda: created_or_none(policy_path(), egress), 60)
    wait("its profile", lambda: profile_of("egress"))
    # What the API server says of itself, for a policy of the whole cluster.
    server = policy("server", enforcer="BPF")
    server["kind"] = "VarmorClusterPolicy"
    server["spec"]["policy"]["enhanceProtect"] = {
        "attackProtectionRules": [{"rules": ["block-access-to-kube-apiserver"]}]}
    api.create(f"{CRD}/varmorclusterpolicies", server)
    address = api.get("/api/v1/namespaces/default/services/kubernetes")["spec"]["clusterIP"]
    wait("the API server's address", lambda: (lambda p: p and holds(p, address))(api.find(
        f"{CRD}/namespaces/varmor/armorprofiles/varmor-cluster-varmor-server")))
    # A service, its endpoints, and a pod that come later.
    api.create("/api/v1/namespaces/default/services", {
        "metadata": {"name": "peers"}, "spec": {"clusterIP": "10.0.0.77", "ports": [{"port": 80}]}})
    slices = "/apis/discovery.k8s.io/v1beta1/namespaces/default/endpointslices"
    api.create(slices, {
        "metadata": {"name": "peers-1", "labels": {"kubernetes.io/service-name": "peers"}},
        "addressType": "IPv4", "endpoints": [{"addresses": ["10.77.0.2"]}],
        "ports": [{"name": "", "port": 8080, "protocol": "TCP"}]})
    pods = "/api/v1/namespaces/default/pods"
    api.create(pods, {"metadata": {"name": "peer", "labels": labels}, "spec": {
        "automountServiceAccountToken": False, "containers": [{"name": "c", "image": "none"}]}})
    ip = "10.77.0.1"  # that of the rule that a person wrote, too
    api.patch(f"{pods}/peer/status", {"status": {"phase": "Running", "podIP": ip, "podIPs": [{"ip": ip}]}})
    with_pod = wait("service and endpoints", lambda: (lambda p: all(
        holds(p, each) for each in ("10.0.0.77", "10.77.0.2")) and p)(profile_of("egress")))
    assert holds(with_pod, ip)
    # They go; what a person wrote stays.
    api.delete(f"{slices}/peers-1")
    api.delete("/api/v1/namespaces/default/services/peers")
    api.delete(f"{pods}/peer")
    left = wait("they are gone", lambda: (lambda p: not any(
        holds(p, each) for each in ("10.0.0.77", "10.77.0.2")) and p)(profile_of("egress")))
    assert holds(left, ip)
    # The next leader finds nothing to write.
    before = quiet()
    assert leader.stop() == 0
    start_leader("manager-5", flags=("--enablePodServiceEgressControl",))
    time.sleep(8)
    assert versions() == before
    log = open(leader.log).read()
    assert "PERMISSION_DENIED" not in log, log


def created_or_none(path, body):
    try:
        return api.create(path, body)
    except Refused:
        return None


def main():
    Replica.program = sys.argv[1]
    wanted = [word for word in sys.argv[2:] if word != "--full"]
    tests = [(name, function) for name, function in globals().items() if name.startswith("test_")]
    passed = failed = 0
    for name, function in tests:
        if wanted and not any(word in name for word in wanted):
            continue
        started = time.monotonic()
        try:
            function()
            passed += 1
            print(f"[       OK ] {name} ({time.monotonic() - started:.1f} s)", flush=True)
        except Exception:
            failed += 1
            traceback.print_exc(file=sys.stdout)
            print(f"[  FAILED  ] {name} ({time.monotonic() - started:.1f} s)", flush=True)
    if leader is not None and leader.process.poll() is None:
        leader.stop(signal.SIGKILL)
    print(f"result: {passed} {failed}")


main()
