// Compose files to a StackSpec, the normalised form that the controller takes. Reads everything that
// a Compose file refers to on this machine (other files, .env, env_file, configs, secrets) and
// reports every fault at once, each with its place.
//
// Standard keys mean what Docker's documentation says; what Drover adds stands under `x-` keys. A
// key that cannot be honoured is a fault or a warning, never dropped silently.
#pragma once

#include <map>
#include <string>
#include <variant>
#include <vector>

#include "absl/status/statusor.h"
#include "compose/fault.h"
#include "drover/v1/cluster.pb.h"

namespace drover::compose {

struct LoadOptions {
  std::vector<std::string> files;      // -f, in order; empty: COMPOSE_FILE, else found by name
  std::vector<std::string> env_files;  // --env-file; empty: `.env` beside the first file, if there
  std::string project_name;            // -p; empty: COMPOSE_PROJECT_NAME, `name:`, else the directory
  std::vector<std::string> profiles;   // --profile; empty: COMPOSE_PROFILES
  std::map<std::string, std::string> environment;  // the process's; wins over .env
  std::string working_dir;                         // relative paths start here; empty: the current one
};

struct Loaded {
  v1::StackSpec spec;
  std::vector<Fault> warnings;       // read, but not honoured
  std::vector<Fault> deploy_faults;  // `config` works, `up` is refused: no image, secret file missing
};

struct Refused {
  std::vector<Fault> faults;    // at least one
  std::vector<Fault> warnings;  // found on the way
};

using LoadResult = std::variant<Loaded, Refused>;

// Reads files and environment as above; thread-safe, no state is kept.
LoadResult Load(const LoadOptions& options);

// `text` of a file that holds one x-autoscale mapping, by itself or under that key. The queues that it
// names need no declaration. InvalidArgument lists every fault, one a line.
absl::StatusOr<v1::AutoscaleSpec> ReadAutoscaleFile(const std::string& text, const std::string& file);

// The spec for people, with what was derived (ready check, pinning) as comments. Contents of secrets
// are shown as their hash.
std::string NormalisedYaml(const v1::StackSpec& spec);
// The JSON mapping of the spec, contents of secrets left out.
std::string NormalisedJson(const v1::StackSpec& spec);

}  // namespace drover::compose
