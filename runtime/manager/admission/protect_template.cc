#include "runtime/manager/admission/protect_template.h"

#include <algorithm>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "lib/compiler/diagnostic/diagnostic.h"
#include "runtime/protocol/names.h"

namespace varmor {
namespace {

constexpr char kUnconfined[] = "unconfined";
constexpr char kOurPrefix[] = "localhost/varmor-";

// Annotations of Kubernetes before 1.19, which servers up to 1.26 compare with the field.
constexpr char kAlphaSeccompAnnotation[] = "container.seccomp.security.alpha.kubernetes.io/";

// Where one enforcer's settings of a container are.
struct Spot {
  const char* name;
  const char* enforcer;  // in kOriginalAnnotation
  const char* annotation;
  // Kubernetes' own, older than the field; nullptr: none.
  const char* kubernetes_annotation;
  // Member of securityContext; nullptr: none.
  const char* field;
};

constexpr Spot kBpfSpot = {"BPF", "bpf", kBpfAnnotation, nullptr, nullptr};
constexpr Spot kAppArmorSpot = {"AppArmor", "apparmor", kAppArmorAnnotation,
                                kKubernetesAppArmorAnnotation, "appArmorProfile"};
constexpr Spot kSeccompSpot = {"Seccomp", "seccomp", kSeccompAnnotation, kAlphaSeccompAnnotation,
                               "seccompProfile"};

const Json& NoJson() {
  static const Json* const kNone = new Json();
  return *kNone;
}

// The member, null when there is none.
const Json& At(const Json& object, absl::string_view key) {
  if (!object.is_object()) return NoJson();
  const auto found = object.find(std::string(key));
  return found == object.end() ? NoJson() : *found;
}

// The member as an object, made when it is missing or null.
Json& Object(Json& object, const char* key) {
  Json& member = object[key];
  if (member.is_null()) member = Json::object();
  return member;
}

bool IsOurs(const Json& value) {
  return value.is_string() && absl::StartsWith(value.get_ref<const std::string&>(), kOurPrefix);
}

bool IsOurField(const Json& profile) {
  const Json& name = At(profile, "localhostProfile");
  return At(profile, "type") == "Localhost" && name.is_string() &&
         absl::StartsWith(absl::StrCat("localhost/", name.get_ref<const std::string&>()),
                          kOurPrefix);
}

// A container in a template that is being written.
class Container {
 public:
  Container(Json& pod_template, size_t index)
      : template_(pod_template),
        container_(pod_template["spec"]["containers"][index]),
        name_(At(container_, "name").get<std::string>()) {}

  const std::string& name() const { return name_; }

  const Json& Annotation(const char* prefix) const {
    return At(At(At(template_, "metadata"), "annotations"), absl::StrCat(prefix, name_));
  }
  void SetAnnotation(const char* prefix, const std::string& value) {
    Annotations()[absl::StrCat(prefix, name_)] = value;
  }
  void EraseAnnotation(const char* prefix) {
    Json& metadata = template_["metadata"];
    Json& annotations = metadata["annotations"];
    annotations.erase(absl::StrCat(prefix, name_));
    if (annotations.empty()) metadata.erase("annotations");
  }

  const Json& Field(const char* field) const {
    return At(At(container_, "securityContext"), field);
  }
  void SetField(const char* field, Json value) {
    Object(container_, "securityContext")[field] = std::move(value);
  }
  void EraseField(const char* field) {
    Json& context = container_["securityContext"];
    context.erase(field);
    if (context.empty()) container_.erase("securityContext");
  }
  const Json& PodField(const char* field) const {
    return At(At(At(template_, "spec"), "securityContext"), field);
  }

  // What the spot had before, null when nothing is known. Set with null forgets it.
  Json Original(const Spot& spot) const { return At(Originals(spot), name_); }
  void SetOriginal(const Spot& spot, const Json& value) {
    Json all = Originals(spot);
    if (value.is_null()) {
      all.erase(name_);
    } else {
      all[name_] = value;
    }
    const std::string key = absl::StrCat(kOriginalAnnotation, spot.enforcer);
    if (!all.empty()) {
      Annotations()[key] = JsonText(all);
    } else if (At(At(template_, "metadata"), "annotations").contains(key)) {
      Annotations().erase(key);
      if (Annotations().empty()) template_["metadata"].erase("annotations");
    }
  }

 private:
  Json& Annotations() { return Object(Object(template_, "metadata"), "annotations"); }
  Json Originals(const Spot& spot) const {
    const Json& text = At(At(At(template_, "metadata"), "annotations"),
                          absl::StrCat(kOriginalAnnotation, spot.enforcer));
    Json all = text.is_string() ? Json::parse(text.get<std::string>(), nullptr, false) : Json();
    return all.is_object() ? all : Json::object();
  }

  Json& template_;
  Json& container_;
  const std::string name_;
};

// The user's own values of a spot, {} when there are none.
Json ForeignValues(const Container& container, const Spot& spot) {
  Json values = Json::object();
  // Beside our annotation all the rest is ours as well, whatever it says.
  if (IsOurs(container.Annotation(spot.annotation))) return values;
  for (const char* prefix : {spot.annotation, spot.kubernetes_annotation}) {
    if (prefix == nullptr) continue;
    const Json& value = container.Annotation(prefix);
    if (value.is_null() || IsOurs(value)) continue;
    values["annotations"][absl::StrCat(prefix, container.name())] = value;
  }
  const Json& field = spot.field == nullptr ? NoJson() : container.Field(spot.field);
  if (!field.is_null() && !IsOurField(field)) values["field"] = field;
  return values;
}

// What --bpfExclusiveMode wrote is not the user's word.
bool IsExclusive(const Container& container, const Spot& spot) {
  return At(container.Original(spot), "exclusive") == true;
}

void RememberForeignValues(const Spot& spot, Container& container) {
  Json values = ForeignValues(container, spot);
  if (IsExclusive(container, spot)) {
    values = container.Original(spot);
    values.erase("exclusive");
    container.SetOriginal(spot, values.empty() ? Json() : values);
  } else if (!values.empty()) {
    container.SetOriginal(spot, values);
  }
}

// The container or its pod says that it wants none of the enforcer.
bool SaysUnconfined(const Container& container, const Spot& spot) {
  if (container.Annotation(spot.annotation) == kUnconfined) return true;
  if (spot.field == nullptr) return false;
  if (IsExclusive(container, spot)) return false;
  return container.Annotation(spot.kubernetes_annotation) == kUnconfined ||
         At(container.Field(spot.field), "type") == "Unconfined" ||
         At(container.PodField(spot.field), "type") == "Unconfined";
}

// Kubernetes refuses pods whose annotation and field differ: an annotation that is there follows.
void SetFieldAndFollow(const Spot& spot, const Json& field, const std::string& word,
                       Container& container) {
  container.SetField(spot.field, field);
  if (!container.Annotation(spot.kubernetes_annotation).is_null()) {
    container.SetAnnotation(spot.kubernetes_annotation, word);
  }
}

void ApplyAppArmor(const std::string& profile, const TemplateOptions& options,
                   Container& container) {
  RememberForeignValues(kAppArmorSpot, container);
  const std::string word = absl::StrCat("localhost/", profile);
  if (!options.app_armor_field) {
    container.SetAnnotation(kKubernetesAppArmorAnnotation, word);
    return;
  }
  container.SetAnnotation(kAppArmorAnnotation, word);
  SetFieldAndFollow(kAppArmorSpot, {{"type", "Localhost"}, {"localhostProfile", profile}}, word,
                    container);
}

void TurnAppArmorOff(const TemplateOptions& options, Container& container) {
  if (SaysUnconfined(container, kAppArmorSpot)) return;
  Json original = ForeignValues(container, kAppArmorSpot);
  if (!IsExclusive(container, kAppArmorSpot)) {
    original["exclusive"] = true;
    container.SetOriginal(kAppArmorSpot, original);
  }
  if (IsOurs(container.Annotation(kAppArmorAnnotation))) {
    container.EraseAnnotation(kAppArmorAnnotation);
  }
  if (!options.app_armor_field) {
    container.SetAnnotation(kKubernetesAppArmorAnnotation, kUnconfined);
  } else {
    SetFieldAndFollow(kAppArmorSpot, {{"type", "Unconfined"}}, kUnconfined, container);
  }
}

void ApplySeccomp(const Protection& protection, Container& container) {
  RememberForeignValues(kSeccompSpot, container);
  const std::string word = absl::StrCat("localhost/", protection.profile_name);
  container.SetAnnotation(kSeccompAnnotation, word);
  if (protection.runtime_default) {
    SetFieldAndFollow(kSeccompSpot, {{"type", "RuntimeDefault"}}, "runtime/default", container);
  } else {
    SetFieldAndFollow(kSeccompSpot,
                      {{"type", "Localhost"}, {"localhostProfile", protection.profile_name}}, word,
                      container);
  }
}

// Appends to `gaps` what it does not get.
void ProtectContainer(const Protection& protection, const TemplateOptions& options,
                      Container& container, std::vector<std::string>& gaps) {
  const auto stays_out = [&](const Spot& spot) {
    if (!protection.allow_opt_out || !SaysUnconfined(container, spot)) return false;
    gaps.push_back(absl::StrCat("container ", Quoted(container.name()), " gets no ", spot.name,
                                ": it, or its pod, says unconfined"));
    return true;
  };
  // Before anything is written: what counts is what the user wrote.
  const bool bpf = protection.enforcers.bpf && !stays_out(kBpfSpot);
  const bool app_armor = protection.enforcers.app_armor && !stays_out(kAppArmorSpot);
  bool seccomp = protection.enforcers.seccomp && !stays_out(kSeccompSpot);
  // Container runtimes give privileged containers no filter.
  if (seccomp && container.Field("privileged") == true) {
    gaps.push_back(
        absl::StrCat("container ", Quoted(container.name()), " gets no Seccomp: it is privileged"));
    seccomp = false;
  }
  if (bpf) {
    RememberForeignValues(kBpfSpot, container);
    container.SetAnnotation(kBpfAnnotation, absl::StrCat("localhost/", protection.profile_name));
  }
  if (app_armor) {
    ApplyAppArmor(protection.profile_name, options, container);
  } else if (bpf && options.bpf_exclusive) {
    TurnAppArmorOff(options, container);
  }
  if (seccomp) ApplySeccomp(protection, container);
}

// The template's parts that are written have the types that Kubernetes wants.
bool IsWritable(const Json& pod_template) {
  const auto object_or_nothing = [](const Json& value) {
    return value.is_null() || value.is_object();
  };
  return object_or_nothing(At(pod_template, "metadata")) &&
         object_or_nothing(At(At(pod_template, "metadata"), "annotations")) &&
         At(At(pod_template, "spec"), "containers").is_array();
}

bool IsWritableContainer(const Json& container) {
  const Json& context = At(container, "securityContext");
  return At(container, "name").is_string() && (context.is_null() || context.is_object());
}

bool Selects(const std::vector<std::string>& names, const Json& name) {
  return names.empty() || std::find(names.begin(), names.end(), name) != names.end();
}

// Puts back what was there before, or nothing.
void Restore(const Spot& spot, Container& container) {
  const Json original = container.Original(spot);
  for (const char* prefix : {spot.annotation, spot.kubernetes_annotation}) {
    if (prefix == nullptr || container.Annotation(prefix).is_null()) continue;
    const Json& before = At(At(original, "annotations"), absl::StrCat(prefix, container.name()));
    if (before.is_string()) {
      container.SetAnnotation(prefix, before.get<std::string>());
    } else {
      container.EraseAnnotation(prefix);
    }
  }
  if (spot.field != nullptr && !container.Field(spot.field).is_null()) {
    const Json& before = At(original, "field");
    if (before.is_null()) {
      container.EraseField(spot.field);
    } else {
      container.SetField(spot.field, before);
    }
  }
  container.SetOriginal(spot, nullptr);
}

bool CarriesProfile(const Spot& spot, const std::string& profile, const Container& container) {
  const std::string word = absl::StrCat("localhost/", profile);
  return container.Annotation(spot.annotation) == word ||
         (spot.kubernetes_annotation != nullptr &&
          container.Annotation(spot.kubernetes_annotation) == word) ||
         (spot.field != nullptr && At(container.Field(spot.field), "localhostProfile") == profile);
}

}  // namespace

std::vector<std::string> ProtectTemplate(const Protection& protection,
                                         const TemplateOptions& options, Json& pod_template) {
  std::vector<std::string> gaps;
  if (!IsWritable(pod_template)) return gaps;
  std::vector<std::string> absent = protection.containers;
  const size_t count = pod_template["spec"]["containers"].size();
  for (size_t i = 0; i < count; ++i) {
    const Json& json = pod_template["spec"]["containers"][i];
    if (!IsWritableContainer(json) || !Selects(protection.containers, At(json, "name"))) continue;
    Container container(pod_template, i);
    absent.erase(std::remove(absent.begin(), absent.end(), container.name()), absent.end());
    ProtectContainer(protection, options, container, gaps);
  }
  for (const std::string& name : absent) {
    gaps.push_back(absl::StrCat("spec.target.containers names ", Quoted(name),
                                ", which is no container of the pod"));
  }
  return gaps;
}

void LabelTemplate(absl::string_view profile_name, Json& pod_template) {
  const std::string profile(profile_name);
  if (CarriedProfiles(pod_template).count(profile) == 0) return;
  const Json& labels = At(At(pod_template, "metadata"), "labels");
  if (!labels.is_null() && !labels.is_object()) return;
  Object(Object(pod_template, "metadata"), "labels")[kProfileLabel] = profile;
}

void ReleaseTemplate(absl::string_view profile_name, Json& pod_template) {
  if (!IsWritable(pod_template)) return;
  const std::string profile(profile_name);
  const size_t count = pod_template["spec"]["containers"].size();
  for (size_t i = 0; i < count; ++i) {
    if (!IsWritableContainer(pod_template["spec"]["containers"][i])) continue;
    Container container(pod_template, i);
    const bool bpf = CarriesProfile(kBpfSpot, profile, container);
    const bool app_armor = CarriesProfile(kAppArmorSpot, profile, container) ||
                           (bpf && IsExclusive(container, kAppArmorSpot));
    if (bpf) Restore(kBpfSpot, container);
    if (app_armor) Restore(kAppArmorSpot, container);
    if (CarriesProfile(kSeccompSpot, profile, container)) Restore(kSeccompSpot, container);
  }
  if (At(At(At(pod_template, "metadata"), "labels"), kProfileLabel) != profile) return;
  Json& metadata = pod_template["metadata"];
  metadata["labels"].erase(kProfileLabel);
  if (metadata["labels"].empty()) metadata.erase("labels");
}

std::set<std::string> CarriedProfiles(const Json& pod_template) {
  std::set<std::string> names;
  if (!IsWritable(pod_template)) return names;
  const Json& annotations = At(At(pod_template, "metadata"), "annotations");
  for (const Json& container : At(At(pod_template, "spec"), "containers")) {
    if (!IsWritableContainer(container)) continue;
    const std::string name = At(container, "name").get<std::string>();
    for (const Spot& spot : {kBpfSpot, kAppArmorSpot, kSeccompSpot}) {
      for (const char* prefix : {spot.annotation, spot.kubernetes_annotation}) {
        if (prefix == nullptr) continue;
        const Json& value = At(annotations, absl::StrCat(prefix, name));
        if (!IsOurs(value)) continue;
        names.insert(value.get<std::string>().substr(absl::string_view("localhost/").size()));
      }
      if (spot.field == nullptr) continue;
      const Json& field = At(At(container, "securityContext"), spot.field);
      if (IsOurField(field)) names.insert(At(field, "localhostProfile").get<std::string>());
    }
  }
  return names;
}

}  // namespace varmor
