/* The interface from C: a program without any C++. */
#include <stdio.h>
#include <string.h>

#include "lib/compiler/c_api/varmor.h"

static int failures = 0;

static void expect(int condition, const char *what) {
  if (condition) return;
  fprintf(stderr, "FAILED: %s\n", what);
  failures++;
}

static const char kPolicy[] =
    "apiVersion: crd.varmor.org/v1beta1\n"
    "kind: VarmorPolicy\n"
    "metadata: {name: web, namespace: shop}\n"
    "spec:\n"
    "  target: {kind: Deployment, name: web}\n"
    "  policy:\n"
    "    enforcer: BPFSeccomp\n"
    "    mode: EnhanceProtect\n"
    "    enhanceProtect: {hardeningRules: [disallow-write-core-pattern]}\n";

static void compiles_and_decides(void) {
  varmor_options options = VARMOR_OPTIONS_INIT;
  varmor_result *result = NULL;
  varmor_simulator *simulator = NULL;
  varmor_answer *answer = NULL;
  const varmor_policy *policy;

  options.source_name = "policy.yaml";
  options.enforcers = VARMOR_BPF;
  expect(varmor_compile(kPolicy, strlen(kPolicy), &options, &result) == VARMOR_OK, "compiles");
  policy = varmor_result_policy(result, 0);
  expect(strcmp(varmor_policy_profile(policy), "varmor-shop-web") == 0, "has its profile's name");
  expect(varmor_policy_artifact_count(policy) == 2, "has the BPF image twice");
  expect(varmor_simulator_load(policy, &simulator) == VARMOR_OK, "loads");
  varmor_result_free(result);
  expect(varmor_decide(simulator, "write /proc/sys/kernel/core_pattern", &answer) == VARMOR_OK,
         "decides without the result");
  expect(varmor_ruling_outcome(varmor_answer_combined(answer)) == VARMOR_DENY, "denies");
  varmor_answer_free(answer);
  varmor_simulator_free(simulator);
}

int main(void) {
  expect(strcmp(varmor_status_name(VARMOR_OK), "ok") == 0, "names a status");
  compiles_and_decides();
  return failures == 0 ? 0 : 1;
}
