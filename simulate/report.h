// Results for people and programs.
#pragma once

#include <string>
#include <vector>

#include "simulate/experiment.h"

namespace drover::simulate {

// An array with one object per result.
std::string ToJson(const std::vector<Result>& results);

}  // namespace drover::simulate
