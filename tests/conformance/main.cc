// drover-conformance: drives the shipped decision code with the case files of this folder (README.md).
//
//   drover-conformance FILE...
//
// One line a case, "ok FAMILY ID" or "FAILED FAMILY ID: what was got, what was expected"; last line "N
// passed, N failed". Exit code 0: all passed; 1: some failed; 2: a file or a case could not be used, which
// is said on standard error with its place.
#include <cstdio>
#include <fstream>
#include <map>
#include <sstream>
#include <string>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "tests/conformance/families.h"

namespace drover::conformance {
namespace {

using Runner = Verdict (*)(const Value&);

const std::map<std::string, Runner>& Families() {
  static const std::map<std::string, Runner> kFamilies = {{"hpa_resource", RunHpaResource},
                                                          {"hpa_metric", RunHpaMetric},
                                                          {"hpa_behavior", RunHpaBehavior},
                                                          {"hpa_controller", RunHpaController},
                                                          {"kpa", RunKpa},
                                                          {"keda_executor", RunKeda}};
  return kFamilies;
}

struct Totals {
  int64_t passed = 0;
  int64_t failed = 0;
  bool unusable = false;
};

void Complain(const std::string& what, Totals& totals) {
  absl::FPrintF(stderr, "drover-conformance: %s\n", what);
  totals.unusable = true;
}

nlohmann::json Load(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::ostringstream text;
  if (!file || !(text << file.rdbuf())) {
    throw Malformed(absl::StrCat(path, ": cannot be read; name a file of cases"));
  }
  try {
    return nlohmann::json::parse(text.str());
  } catch (const nlohmann::json::exception& e) {
    throw Malformed(absl::StrCat(path, ": is no JSON: ", e.what()));
  }
}

void RunCase(const std::string& family, Runner runner, const Value& test, Totals& totals) {
  const std::string id = test["id"].Text();
  const Verdict verdict = runner(test);
  if (verdict.faults().empty()) {
    absl::PrintF("ok %s %s\n", family, id);
    ++totals.passed;
  } else {
    absl::PrintF("FAILED %s %s: %s\n", family, id, absl::StrJoin(verdict.faults(), "; "));
    ++totals.failed;
  }
}

void RunFile(const std::string& path, Totals& totals) {
  const nlohmann::json json = Load(path);
  const Value file(&json, "");
  const auto at = [&](const Malformed& e) { return absl::StrCat(path, ": ", e.what()); };
  try {
    if (const Value version = file["schema_version"]; version.Int() != 1) {
      version.Refuse(absl::StrCat("is ", version.Int(), "; only schema 1 is known"));
    }
    const std::string family = file["family"].Text();
    const auto runner = Families().find(family);
    if (runner == Families().end()) {
      file["family"].Refuse(absl::StrCat("\"", family,
                                         "\" is unknown; write hpa_resource, hpa_metric, hpa_behavior, "
                                         "hpa_controller, kpa or keda_executor"));
    }
    for (const Value& test : file["cases"].List()) {
      try {
        RunCase(family, runner->second, test, totals);
      } catch (const Malformed& e) {
        Complain(at(e), totals);
      }
    }
  } catch (const Malformed& e) {
    Complain(at(e), totals);
  }
}

}  // namespace
}  // namespace drover::conformance

int main(int argc, char** argv) {
  using drover::conformance::Malformed;
  if (argc < 2) {
    absl::FPrintF(stderr, "usage: drover-conformance FILE...\n");
    return 2;
  }
  drover::conformance::Totals totals;
  for (int i = 1; i < argc; ++i) {
    try {
      drover::conformance::RunFile(argv[i], totals);
    } catch (const Malformed& e) {
      drover::conformance::Complain(e.what(), totals);
    }
  }
  absl::PrintF("%d passed, %d failed\n", totals.passed, totals.failed);
  return totals.unusable ? 2 : totals.failed > 0 ? 1 : 0;
}
