#include "lib/compiler/lint/lint_symlinks.h"

#include <algorithm>
#include <optional>
#include <set>
#include <string>
#include <tuple>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "lib/compiler/lint/lint_table.h"

namespace varmor {
namespace {

// A path that is a symbolic link wherever containers run, or on most images.
struct Link {
  absl::string_view path;
  // What enforcers see instead, as a pattern of either enforcer.
  absl::string_view real;
  absl::string_view where;
};

constexpr Link kLinks[] = {
    {"/bin", "/usr/bin", "on images with merged /usr (Debian 12, Ubuntu, Fedora)"},
    {"/sbin", "/usr/sbin", "on images with merged /usr (Debian 12, Ubuntu, Fedora)"},
    {"/lib", "/usr/lib", "on images with merged /usr (Debian 12, Ubuntu, Fedora)"},
    {"/lib64", "/usr/lib64", "on images with merged /usr (Debian 12, Ubuntu, Fedora)"},
    {"/var/run", "/run", "on nearly every image"},
    {"/var/lock", "/run/lock", "on nearly every image"},
    {"/proc/self", "/proc/[0-9]*", "on every system"},
    {"/proc/thread-self", "/proc/[0-9]*/task/[0-9]*", "on every system"},
    {"/proc/mounts", "/proc/[0-9]*/mounts", "on every system"},
    {"/proc/net", "/proc/[0-9]*/net", "on every system"},
    {"/dev/fd", "/proc/[0-9]*/fd", "on every system"},
};

// Where /bin/sh leads to.
constexpr absl::string_view kShells[] = {"/usr/bin/dash", "/usr/bin/bash", "/bin/dash",
                                         "/bin/bash",     "/bin/busybox",  "/usr/bin/busybox"};

bool IsShellLink(absl::string_view path) { return path == "/bin/sh" || path == "/usr/bin/sh"; }

struct Resolved {
  const Link* link = nullptr;
  std::string real;
};

// Nothing when no link stands literally in front of the pattern.
std::optional<Resolved> Resolve(absl::string_view pattern) {
  for (const Link& link : kLinks) {
    absl::string_view rest = pattern;
    if (!absl::ConsumePrefix(&rest, link.path) || (!rest.empty() && rest[0] != '/')) continue;
    return Resolved{&link, absl::StrCat(link.real, rest)};
  }
  return std::nullopt;
}

PathSet PathSetFor(Claim::Enforcer enforcer, const std::string& pattern) {
  if (enforcer == Claim::Enforcer::kAppArmor) return AppArmorPathSet(pattern);
  const absl::StatusOr<PathPattern> parsed = PathPattern::Parse(pattern);
  return parsed.ok() ? BpfPathSet(*parsed) : PathSet();
}

class LinkFinder {
 public:
  LinkFinder(const Claims& claims, LintBudget& budget, Diagnostics& findings)
      : claims_(claims), budget_(budget), findings_(findings) {}

  void Find() {
    for (const Claim& claim : claims_.list) {
      const auto* path = std::get_if<PathClaim>(&claim.what);
      if (path == nullptr || claim.builtin || claim.base || claim.effect != Claim::Effect::kDeny) {
        continue;
      }
      if (path->access == 'x' && path->paths.exact && IsShellLink(path->paths.sample)) {
        FindShell(claim, *path);
      } else {
        FindDirectory(claim, *path);
      }
    }
  }

 private:
  void FindDirectory(const Claim& claim, const PathClaim& path) {
    std::string text = path.paths.text;
    if (absl::StartsWith(text, "@{PROC}")) text = absl::StrCat("/proc", text.substr(7));
    const std::optional<Resolved> resolved = Resolve(text);
    // The link itself, under a name without anything behind it, may be what is meant.
    if (!resolved.has_value() || text == resolved->link->path) return;
    if (IsDenied(claim, path, PathSetFor(claim.enforcer, resolved->real))) return;
    Report(claim,
           absl::StrCat("names ", resolved->link->path, ", which is a link to ",
                        LinkTarget(*resolved->link), " ", resolved->link->where,
                        ": enforcers see the path behind it, and there this denies nothing"),
           absl::StrCat("deny ", Quoted(resolved->real),
                        resolved->link->where == "on every system" ? " instead" : " as well"));
  }

  static absl::string_view LinkTarget(const Link& link) {
    return absl::StartsWith(link.real, "/proc/[") ? "a directory or file of the process"
                                                  : link.real;
  }

  void FindShell(const Claim& claim, const PathClaim& path) {
    for (const absl::string_view shell : kShells) {
      if (IsDenied(claim, path, PathSetFor(claim.enforcer, std::string(shell)))) return;
    }
    Report(
        claim,
        absl::StrCat("names ", path.paths.sample,
                     ", which is a link to dash, bash or busybox on nearly every image: enforcers "
                     "see the program behind it, and there this denies nothing"),
        "deny the shells themselves: \"/{usr/,}bin/{dash,bash,busybox}\"");
  }

  // Whether the same access to all of `real` is denied, by whatever rules.
  bool IsDenied(const Claim& claim, const PathClaim& path, const PathSet& real) {
    std::vector<const PathSet*> cover;
    for (const Claim& other : claims_.list) {
      const auto* denied = std::get_if<PathClaim>(&other.what);
      if (denied == nullptr || other.effect != Claim::Effect::kDeny ||
          other.enforcer != claim.enforcer || denied->access != path.access ||
          (denied->owner && !path.owner) ||
          (!other.target.empty() && other.target != claim.target)) {
        continue;
      }
      if (SharePaths(denied->paths, real, budget_)) cover.push_back(&denied->paths);
    }
    return !cover.empty() && CoversPaths(cover, real, budget_);
  }

  void Report(const Claim& claim, const std::string& problem, const std::string& fix) {
    const auto key = std::make_tuple(claim.origin.field, claim.place.line, claim.place.column);
    if (!reported_.insert(key).second) return;
    const std::string subject = claim.text.empty() ? "the rule" : Quoted(claim.text);
    AddFinding("pattern-names-symlink", claim.origin.field, absl::StrCat(subject, " ", problem),
               fix, findings_, claim.place);
  }

  const Claims& claims_;
  LintBudget& budget_;
  Diagnostics& findings_;
  std::set<std::tuple<std::string, int, int>> reported_;
};

using Targets = google::protobuf::RepeatedPtrField<std::string>;

bool Contains(const Targets& targets, absl::string_view path) {
  return std::find(targets.begin(), targets.end(), path) != targets.end();
}

// Targets of a group are alternatives: the real path may stand beside the link.
void FindTargets(const Targets& targets, const std::string& field, Diagnostics& findings) {
  const bool has_shell =
      std::any_of(std::begin(kShells), std::end(kShells),
                  [&](absl::string_view shell) { return Contains(targets, shell); });
  for (int i = 0; i < targets.size(); ++i) {
    if (IsShellLink(targets[i])) {
      if (has_shell) continue;
      AddFinding("pattern-names-symlink", absl::StrCat(field, ".targets[", i, "]"),
                 absl::StrCat(Quoted(targets[i]),
                              " is a link to dash, bash or busybox on nearly every image: there "
                              "the rules never apply"),
                 "add the shells themselves, such as \"/usr/bin/dash\"", findings);
      continue;
    }
    const std::optional<Resolved> resolved = Resolve(targets[i]);
    if (!resolved.has_value()) continue;
    if (Contains(targets, resolved->real)) continue;
    AddFinding("pattern-names-symlink", absl::StrCat(field, ".targets[", i, "]"),
               absl::StrCat(Quoted(targets[i]), " lies under ", resolved->link->path,
                            ", which is a link to ", resolved->link->real, " ",
                            resolved->link->where, ": there the rules never apply"),
               absl::StrCat("add the target ", Quoted(resolved->real)), findings);
  }
}

}  // namespace

void LintSymlinks(const PolicyObject& policy, const CompileResult& result, const Claims& claims,
                  LintBudget& budget, Diagnostics& findings) {
  LinkFinder(claims, budget, findings).Find();
  const PolicyBody& body = policy.spec().policy();
  if (body.mode() != "EnhanceProtect" || !result.rules->app_armor.has_value()) return;
  const std::string field = "spec.policy.enhanceProtect.";
  const EnhanceProtect& enhance = body.enhance_protect();
  for (int i = 0; i < enhance.attack_protection_rules_size(); ++i) {
    FindTargets(enhance.attack_protection_rules(i).targets(),
                absl::StrCat(field, "attackProtectionRules[", i, "]"), findings);
  }
  for (int i = 0; i < enhance.app_armor_raw_rules_size(); ++i) {
    FindTargets(enhance.app_armor_raw_rules(i).targets(),
                absl::StrCat(field, "appArmorRawRules[", i, "]"), findings);
  }
}

}  // namespace varmor
