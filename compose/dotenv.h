// `.env` and `env_file` text: KEY=VALUE lines with comments, quotes, `export`, values over several
// lines and references to variables.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>

#include "compose/interpolate.h"

namespace drover::compose {

// Variables of one file; nullopt for `KEY` alone, which takes the value of the environment.
using EnvFile = std::map<std::string, std::optional<std::string>>;

// Parses `text`. References look in `environment` first, then in the earlier lines of the file.
// `raw`: the text after "=" is the value as it is (`format: raw`).
EnvFile ParseEnvFile(const std::string& text, const std::shared_ptr<const Source>& source,
                     const Environment& environment, bool raw, FaultList& faults);

}  // namespace drover::compose
