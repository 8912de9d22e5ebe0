// depends_on across services: that they exist, that profiles leave them in, that there is no cycle.
#include <algorithm>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "compose/schema.h"

namespace drover::compose {
namespace {

// Depth-first search for cycles; every service is entered once.
class CycleFinder {
 public:
  CycleFinder(const std::vector<ServiceRead>& services, FaultList& faults) : faults_(faults) {
    for (const ServiceRead& s : services) {
      by_name_[s.spec.name()] = &s;
    }
  }

  void Run() {
    for (const auto& [name, service] : by_name_) {
      Visit(*service);
    }
  }

 private:
  void Visit(const ServiceRead& s) {
    if (!seen_.insert(s.spec.name()).second) {
      return;
    }
    path_.push_back(s.spec.name());
    for (const v1::Dependency& dependency : s.spec.depends_on()) {
      auto start = std::find(path_.begin(), path_.end(), dependency.service());
      if (start != path_.end()) {
        const std::string cycle = absl::StrJoin(start, path_.end(), " → ");
        faults_.Add(s.depends_marks.at(dependency.service()),
                    absl::StrCat("dependency cycle: ", cycle, " → ", dependency.service(),
                                 "; remove one of these dependencies"));
        continue;
      }
      if (auto it = by_name_.find(dependency.service()); it != by_name_.end()) {
        Visit(*it->second);
      }
    }
    path_.pop_back();
  }

  std::map<std::string, const ServiceRead*> by_name_;
  FaultList& faults_;
  std::set<std::string> seen_;
  std::vector<std::string> path_;
};

// A service that others wait to complete runs once, as under Compose, whose default is no restart.
void CheckCompletes(ServiceRead& s, ServiceRead& dependency, Reading& r) {
  const std::string& name = dependency.spec.name();
  if (dependency.restart_no || dependency.spec.has_task()) {
    return;
  }
  if (dependency.spec.has_restart()) {
    r.faults.Add(s.depends_marks.at(name),
                 absl::StrCat(s.spec.name(), " waits for ", name, " to complete, but ", name,
                              " is restarted for ever; write restart: \"no\" in ", name));
    return;
  }
  r.faults.Warn(dependency.mark, absl::StrCat(name, " runs once, because ", s.spec.name(),
                                              " waits for it to complete; "
                                              "write restart: \"no\" to say so"));
  dependency.restart_no = true;
}

}  // namespace

void CheckDependencies(std::vector<ServiceRead>& services, const std::set<std::string>& off, Reading& r) {
  std::map<std::string, ServiceRead*> by_name;
  std::vector<absl::string_view> names;
  for (ServiceRead& s : services) {
    by_name[s.spec.name()] = &s;
    names.push_back(s.spec.name());
  }
  for (ServiceRead& s : services) {
    auto* dependencies = s.spec.mutable_depends_on();
    for (int i = dependencies->size() - 1; i >= 0; --i) {
      const v1::Dependency& dependency = dependencies->Get(i);
      const std::string name = dependency.service();
      if (auto it = by_name.find(name); it != by_name.end()) {
        if (dependency.condition() == v1::Dependency::COMPLETED_SUCCESSFULLY) {
          CheckCompletes(s, *it->second, r);
        }
        continue;
      }
      if (dependency.optional()) {
        dependencies->DeleteSubrange(i, 1);
        continue;
      }
      const Mark& mark = s.depends_marks.at(name);
      if (off.count(name) > 0) {
        r.faults.Add(mark, absl::StrCat("depends_on names \"", name,
                                        "\", whose profiles are off; give --profile, or "
                                        "write required: false"));
        continue;
      }
      const std::string near = Nearest(name, names);
      r.faults.Add(mark, absl::StrCat("depends_on names \"", name, "\", which is no service; ",
                                      near.empty() ? "declare it under `services:`"
                                                   : absl::StrCat("did you mean \"", near, "\"?")));
    }
  }
  CycleFinder(services, r.faults).Run();
}

}  // namespace drover::compose
