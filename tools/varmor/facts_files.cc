#include "tools/varmor/facts_files.h"

#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "lib/compiler/load/document.h"
#include "lib/enforcers/node_facts.h"

namespace varmor {
namespace {

using Words = std::vector<absl::string_view>;

// ---- /proc/partitions: a heading, an empty line, then "major minor blocks name".

Words SplitWords(absl::string_view line) {
  return absl::StrSplit(line, absl::ByAnyChar(" \t\r"), absl::SkipEmpty());
}

bool IsPartitions(absl::string_view text) {
  const Words heading = SplitWords(text.substr(0, text.find('\n')));
  return heading == Words{"major", "minor", "#blocks", "name"};
}

void BadPartition(const PolicySource& source, int line, absl::string_view text,
                  Diagnostics& diagnostics) {
  Diagnostic diagnostic;
  diagnostic.code = "bad-partition";
  diagnostic.problem = absl::StrCat("not a line of /proc/partitions: ", Quoted(text));
  diagnostic.fix = "each line has major, minor, blocks and name";
  diagnostic.file = source.name;
  diagnostic.place = {line, 1};
  diagnostics.Add(diagnostic);
}

bool ReadPartitions(const PolicySource& source, NodeFacts& facts, Diagnostics& diagnostics) {
  int number = 0;
  bool good = true;
  for (const absl::string_view line : absl::StrSplit(source.text, '\n')) {
    if (++number == 1 || SplitWords(line).empty()) continue;
    if (ReadPartitionLine(line, *facts.add_disk_devices())) continue;
    BadPartition(source, number, line, diagnostics);
    good = false;
  }
  return good;
}

// ---- Kubernetes objects: only what ClusterFacts has; anything else in them is not ours to judge.

const DocumentNode* At(const DocumentNode* node, absl::string_view key) {
  return node == nullptr ? nullptr : node->Find(key);
}

std::string TextAt(const DocumentNode* node, absl::string_view key) {
  const DocumentNode* found = At(node, key);
  return found == nullptr ? "" : found->scalar;
}

std::vector<const DocumentNode*> ItemsAt(const DocumentNode* node, absl::string_view key) {
  std::vector<const DocumentNode*> items;
  const DocumentNode* found = At(node, key);
  if (found == nullptr || found->kind != DocumentNode::Kind::kSequence) return items;
  for (const auto& item : found->items) items.push_back(item.get());
  return items;
}

template <typename Fact>
void CopyLabels(const DocumentNode* metadata, Fact& fact) {
  const DocumentNode* labels = At(metadata, "labels");
  if (labels == nullptr || labels->kind != DocumentNode::Kind::kMapping) return;
  for (size_t i = 0; i + 1 < labels->items.size(); i += 2) {
    (*fact.mutable_labels())[labels->items[i]->scalar] = labels->items[i + 1]->scalar;
  }
}

void AddService(const DocumentNode& object, ClusterFacts& facts) {
  ServiceFact& service = *facts.add_services();
  const DocumentNode* metadata = At(&object, "metadata");
  service.set_namespace_(TextAt(metadata, "namespace"));
  service.set_name(TextAt(metadata, "name"));
  CopyLabels(metadata, service);
  const DocumentNode* spec = At(&object, "spec");
  for (const DocumentNode* ip : ItemsAt(spec, "clusterIPs")) service.add_cluster_ips(ip->scalar);
  const std::string only = TextAt(spec, "clusterIP");  // before dual-stack: no list
  if (service.cluster_ips().empty() && !only.empty()) service.add_cluster_ips(only);
}

void AddEndpointSlice(const DocumentNode& object, ClusterFacts& facts) {
  EndpointSliceFact& slice = *facts.add_endpoint_slices();
  const DocumentNode* metadata = At(&object, "metadata");
  slice.set_namespace_(TextAt(metadata, "namespace"));
  CopyLabels(metadata, slice);
  slice.set_address_type(TextAt(&object, "addressType"));
  for (const DocumentNode* endpoint : ItemsAt(&object, "endpoints")) {
    for (const DocumentNode* address : ItemsAt(endpoint, "addresses")) {
      slice.add_addresses(address->scalar);
    }
  }
  for (const DocumentNode* port : ItemsAt(&object, "ports")) {
    uint32_t number = 0;
    if (absl::SimpleAtoi(TextAt(port, "port"), &number)) slice.add_ports(number);
  }
}

void AddPod(const DocumentNode& object, ClusterFacts& facts) {
  PodFact& pod = *facts.add_pods();
  const DocumentNode* metadata = At(&object, "metadata");
  pod.set_namespace_(TextAt(metadata, "namespace"));
  pod.set_name(TextAt(metadata, "name"));
  CopyLabels(metadata, pod);
  const DocumentNode* status = At(&object, "status");
  for (const DocumentNode* ip : ItemsAt(status, "podIPs")) pod.add_ips(TextAt(ip, "ip"));
  const std::string only = TextAt(status, "podIP");
  if (pod.ips().empty() && !only.empty()) pod.add_ips(only);
  pod.set_host_network(TextAt(At(&object, "spec"), "hostNetwork") == "true");
}

void AddObject(const DocumentNode& object, const std::string& kind, ClusterFacts& facts) {
  if (kind == "Service") AddService(object, facts);
  if (kind == "EndpointSlice") AddEndpointSlice(object, facts);
  if (kind == "Pod") AddPod(object, facts);
}

// "ServiceList" is a list of "Service"; an item of such a list may leave its kind out.
void AddObjects(const DocumentNode& root, ClusterFacts& facts) {
  const std::string kind = TextAt(&root, "kind");
  if (!absl::EndsWith(kind, "List")) {
    AddObject(root, kind, facts);
    return;
  }
  const std::string of = kind.substr(0, kind.size() - 4);
  for (const DocumentNode* item : ItemsAt(&root, "items")) {
    const std::string own = TextAt(item, "kind");
    AddObject(*item, own.empty() ? of : own, facts);
  }
}

bool IsKubernetes(const ParsedDocuments& parsed) {
  return !parsed.documents.empty() && parsed.documents[0]->Find("kind") != nullptr &&
         parsed.documents[0]->Find("apiVersion") != nullptr;
}

}  // namespace

bool ReadNodeFacts(const PolicySource& source, NodeFacts& facts, Diagnostics& diagnostics) {
  if (IsPartitions(source.text)) return ReadPartitions(source, facts, diagnostics);
  return LoadMessage(source, LoadOptions(), &facts, diagnostics);
}

bool ReadClusterFacts(const PolicySource& source, ClusterFacts& facts, Diagnostics& diagnostics) {
  DocumentLimits limits;
  limits.document_bytes = limits.bytes;  // one list holds a whole cluster
  limits.nodes = 16 << 20;
  Diagnostics problems;
  const ParsedDocuments parsed = ParseDocuments(source.name, source.text, limits, problems);
  if (!IsKubernetes(parsed)) {
    LoadOptions options;
    options.limits = limits;
    return LoadMessage(source, options, &facts, diagnostics);
  }
  for (const Diagnostic& problem : problems.list()) diagnostics.Add(problem);
  for (const auto& document : parsed.documents) AddObjects(*document, facts);
  return !problems.HasErrors();
}

bool ReadModel(const PolicySource& source, BehaviorModel& model, Diagnostics& diagnostics) {
  return LoadMessage(source, LoadOptions(), &model, diagnostics);
}

}  // namespace varmor
