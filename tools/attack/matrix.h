// Runs the cases of the attack matrix: without the policy everything works; with it what the record
// denies is refused with the right error, near misses still work, and what was refused is reported.
#ifndef TOOLS_ATTACK_MATRIX_H_
#define TOOLS_ATTACK_MATRIX_H_

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "proto/facts.pb.h"
#include "tools/attack/attack_way.h"
#include "tools/attack/cases.h"
#include "tools/attack/container.h"
#include "tools/attack/enforcement.h"

namespace varmor {

// One way to bring one event about, under one rule and enforcer.
struct MatrixRow {
  enum class Result {
    kPassed,
    kFailed,
    // Not tried, or known to be out of this enforcer's sight.
    kHole,
  };
  std::string rule;
  std::string enforcer;
  std::string event;
  // "" for the plain one.
  std::string way;
  bool denied = false;
  // What the attacker said without the policy and with it.
  std::string without;
  std::string with;
  Result result = Result::kFailed;
  // Why it failed or is a hole.
  std::string reason;
};

struct MatrixOptions {
  std::string runtime = "runc";
  std::string attacker;
  std::string scratch;
  NodeFacts node;
  // 601 for Linux 6.1.
  int kernel = 0;
};

class Matrix {
 public:
  explicit Matrix(MatrixOptions options);
  // As EndAll: before the enforcements go.
  ~Matrix();

  Matrix(const Matrix&) = delete;
  Matrix& operator=(const Matrix&) = delete;

  // The rows of one case, whose policy only observes when `observe`. An error when a container or
  // the enforcer could not be had.
  absl::StatusOr<std::vector<MatrixRow>> Run(const AttackCase& attack_case, bool observe,
                                             Enforcement& enforcement);

  // Ends the confined containers and unloads their profiles.
  void EndAll();

 private:
  // What the attacker said, by event and way.
  using Outcomes = std::map<std::string, std::string>;
  using Told = std::function<void(const AttackEvent& event, const AttackWay& way,
                                  const std::string& outcome)>;

  ContainerOptions OptionsFor(const AttackCase& attack_case) const;
  // Brings about every event of the case in every way. `enforcer` confines the container, "" for
  // none; `done` is told of each.
  absl::Status Attack(const AttackCase& attack_case, const std::string& enforcer,
                      Container& container, const Told& done);
  // In a container without a policy, unless that is known from another case.
  absl::Status AttackFreely(const AttackCase& attack_case);
  // The container for that; `own` keeps one that other cases cannot use.
  absl::StatusOr<Container*> FreeContainer(const AttackCase& attack_case,
                                           std::unique_ptr<Container>& own);
  // In a container with the case's policy, which is loaded.
  absl::Status AttackConfined(const AttackCase& attack_case, bool observe, Enforcement& enforcement,
                              Container& container, std::vector<MatrixRow>& rows);
  absl::Status EndConfined(Enforcement& enforcement);
  absl::StatusOr<MatrixRow> RowOf(const AttackCase& attack_case, bool observe,
                                  const AttackEvent& event, const AttackWay& way,
                                  const std::string& outcome, Enforcement& enforcement) const;

  MatrixOptions options_;
  // Without a policy the answer depends on the event alone.
  Outcomes free_;
  std::unique_ptr<Container> free_container_;
  // For the next case, where its policy replaces the one before.
  std::map<Enforcement*, std::unique_ptr<Container>> confined_;
};

}  // namespace varmor

#endif  // TOOLS_ATTACK_MATRIX_H_
