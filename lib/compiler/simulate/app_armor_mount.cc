// Mount rules. One rule becomes up to five expressions: for remounting, binding, changing
// propagation, moving, and new mounts. Which, and with which flags, is what parser 3.0.8 does
// (`apparmor_parser -D rule-exprs` shows it), with its oddities: see AppArmorMountForm.
#include <cstdint>
#include <map>
#include <string>
#include <utility>

#include "lib/compiler/apparmor/statement_parts.h"
#include "lib/compiler/simulate/app_armor_rule_reader.h"

namespace varmor {
namespace {

// MS_* of include/uapi/linux/mount.h; sys/mount.h lacks some.
constexpr uint32_t kReadOnly = 1u << 0;
constexpr uint32_t kNoSuid = 1u << 1;
constexpr uint32_t kNoDev = 1u << 2;
constexpr uint32_t kNoExec = 1u << 3;
constexpr uint32_t kSync = 1u << 4;
constexpr uint32_t kRemount = 1u << 5;
constexpr uint32_t kMand = 1u << 6;
constexpr uint32_t kDirSync = 1u << 7;
constexpr uint32_t kNoAtime = 1u << 10;
constexpr uint32_t kNoDirAtime = 1u << 11;
constexpr uint32_t kBind = 1u << 12;
constexpr uint32_t kMove = 1u << 13;
constexpr uint32_t kRec = 1u << 14;
constexpr uint32_t kSilent = 1u << 15;
constexpr uint32_t kAcl = 1u << 16;
constexpr uint32_t kUnbindable = 1u << 17;
constexpr uint32_t kPrivate = 1u << 18;
constexpr uint32_t kSlave = 1u << 19;
constexpr uint32_t kShared = 1u << 20;
constexpr uint32_t kRelAtime = 1u << 21;
constexpr uint32_t kIVersion = 1u << 23;
constexpr uint32_t kStrictAtime = 1u << 24;
constexpr uint32_t kNoUser = 1u << 31;

constexpr uint32_t kPropagation = kUnbindable | kPrivate | kSlave | kShared;
constexpr uint32_t kPlain = kReadOnly | kSync | kMand | kDirSync | kSilent | kAcl | kIVersion;
constexpr uint32_t kPerMount =
    kNoSuid | kNoDev | kNoExec | kNoAtime | kNoDirAtime | kRelAtime | kStrictAtime;
constexpr uint32_t kCommands = kRemount | kBind | kMove | kRec | kPropagation;

// Which flags the parser keeps in the expression for an operation.
constexpr uint32_t kRemountFlags = kPlain | kPerMount | kRemount | kBind | kRec;
constexpr uint32_t kBindFlags = kBind | kRec;
constexpr uint32_t kPropagationFlags = kPlain | kRemount | kBind | kMove | kRec | kPropagation;
constexpr uint32_t kMoveFlags = kMove;
constexpr uint32_t kNewMountFlags = ~kCommands;

// By canonical word.
const std::map<absl::string_view, AppArmorMountBits>& FlagBits() {
  static const auto& bits = *new std::map<absl::string_view, AppArmorMountBits>{
      {"ro", {kReadOnly, 0}},
      {"rw", {0, kReadOnly}},
      {"nosuid", {kNoSuid, 0}},
      {"suid", {0, kNoSuid}},
      {"nodev", {kNoDev, 0}},
      {"dev", {0, kNoDev}},
      {"noexec", {kNoExec, 0}},
      {"exec", {0, kNoExec}},
      {"sync", {kSync, 0}},
      {"async", {0, kSync}},
      {"remount", {kRemount, 0}},
      {"mand", {kMand, 0}},
      {"nomand", {0, kMand}},
      {"dirsync", {kDirSync, 0}},
      {"noatime", {kNoAtime, 0}},
      {"atime", {0, kNoAtime}},
      {"nodiratime", {kNoDirAtime, 0}},
      {"diratime", {0, kNoDirAtime}},
      {"bind", {kBind, 0}},
      {"rbind", {kBind | kRec, 0}},
      {"move", {kMove, 0}},
      {"silent", {kSilent, 0}},
      {"loud", {0, kSilent}},
      {"acl", {kAcl, 0}},
      {"noacl", {0, kAcl}},
      {"unbindable", {kUnbindable, 0}},
      {"runbindable", {kUnbindable | kRec, 0}},
      {"private", {kPrivate, 0}},
      {"rprivate", {kPrivate | kRec, 0}},
      {"slave", {kSlave, 0}},
      {"rslave", {kSlave | kRec, 0}},
      {"shared", {kShared, 0}},
      {"rshared", {kShared | kRec, 0}},
      {"relatime", {kRelAtime, 0}},
      {"norelatime", {0, 0}},
      {"iversion", {kIVersion, 0}},
      {"noiversion", {0, kIVersion}},
      {"strictatime", {kStrictAtime, 0}},
      {"nouser", {kNoUser, 0}},
      {"user", {0, kNoUser}},
  };
  return bits;
}

// The flags of all options together, as the parser keeps them.
struct Options {
  uint32_t flags = 0;
  // Of `flags`, those that may be missing; of others, those that were named to be clear.
  uint32_t inverse = 0;
};

Options ReadOptions(const AppArmorStatementParts& parts, bool remount) {
  Options options;
  for (const AppArmorCondition& condition : parts.conditions) {
    if (condition.name != "options") continue;
    for (const std::string& word : condition.values) {
      const AppArmorMountBits bits = AppArmorMountFlagBits(word);
      options.flags |= bits.set;
      options.inverse |= bits.clear;
      if (!condition.in) continue;
      options.flags |= bits.clear;
      options.inverse |= bits.set;
    }
  }
  if (!remount) return options;
  // The keyword makes every flag a must, also those behind "in".
  return {options.flags | kRemount, 0};
}

class FormMaker {
 public:
  FormMaker(const Options& options, AppArmorMountForm whole, AppArmorMountRule& rule)
      : options_(options), whole_(std::move(whole)), rule_(rule) {}

  void Make() {
    const bool has_type = !whole_.fstypes.empty();
    const bool has_source = !whole_.source.any;
    if (options_.flags == 0 && options_.inverse == 0) {
      whole_.any_flags = true;
      rule_.forms.push_back(whole_);
      return;
    }
    if (Asks(kRemount) && !has_source && !has_type) Add(kRemountFlags);
    if (Asks(kBind) && !has_type) Add(kBindFlags);
    if (Asks(kPropagation) && !has_source && !has_type) Add(kPropagationFlags);
    if (Asks(kMove) && !has_type) Add(kMoveFlags);
    if (((options_.flags | options_.inverse) & kNewMountFlags) != 0) Add(kNewMountFlags);
  }

 private:
  bool Asks(uint32_t command) const { return (options_.flags & command) != 0; }

  // No fstypes unless the form is for new mounts; the others are made only without.
  void Add(uint32_t mask) {
    AppArmorMountForm form = whole_;
    form.required = options_.flags & ~options_.inverse & mask;
    form.optional = options_.flags & options_.inverse & mask;
    rule_.forms.push_back(std::move(form));
  }

  Options options_;
  AppArmorMountForm whole_;
  AppArmorMountRule& rule_;
};

}  // namespace

AppArmorMountBits AppArmorMountFlagBits(absl::string_view word) {
  const auto found = FlagBits().find(word);
  return found == FlagBits().end() ? AppArmorMountBits() : found->second;
}

AppArmorMountRule ReadAppArmorMountRule(const AppArmorStatement& statement,
                                        const AppArmorVariables& variables,
                                        absl::string_view disk) {
  const AppArmorStatementParts parts = PartsOf(statement);
  const bool remount = statement.kind == AppArmorStatement::Kind::kRemount;
  AppArmorMountForm whole;
  whole.target.any = true;
  whole.source.any = true;
  if (parts.has_path && remount) whole.target = MakeAppArmorPattern(parts.path, variables);
  if (parts.has_path && !remount) whole.source = MakeAppArmorPattern(parts.path, variables);
  if (parts.has_target) whole.target = MakeAppArmorPattern(parts.target, variables);
  if (!disk.empty() && parts.path == disk) {
    whole.source = AppArmorPattern();
    whole.source.text = std::string(disk);
    whole.source.disk = true;
  }
  for (const AppArmorCondition& condition : parts.conditions) {
    if (condition.name != "fstype") continue;
    for (const std::string& value : condition.values) {
      whole.fstypes.push_back(MakeAppArmorPattern(value, variables));
    }
  }
  AppArmorMountRule rule;
  FormMaker(ReadOptions(parts, remount), std::move(whole), rule).Make();
  return rule;
}

}  // namespace varmor
