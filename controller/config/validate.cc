#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cmath>
#include <cstring>
#include <fstream>
#include <iterator>
#include <set>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "common/status.h"
#include "controller/config/config.h"

namespace drover::controller {
namespace {

// Reads one key after the other and remembers every fault.
class Checker {
 public:
  explicit Checker(const raw::Config& raw) : raw_(raw), faults_(raw.faults) {}

  const raw::Value* Find(const std::string& key) const {
    const auto it = raw_.values.find(key);
    return it == raw_.values.end() ? nullptr : &it->second;
  }

  void Fault(const std::string& key, const std::string& text) {
    const raw::Value* value = Find(key);
    faults_.push_back(value == nullptr ? absl::StrCat(key, ": ", text)
                                       : absl::StrCat(value->place, ": ", key, ": ", text));
  }

  void Text(const std::string& key, std::string& out) {
    if (const raw::Value* value = Find(key)) {
      if (value->text.empty()) {
        Fault(key, absl::StrCat("is empty; leave it out for ", out));
      } else {
        out = value->text;
      }
    }
  }

  void OneOf(const std::string& key, const std::vector<std::string>& words, std::string& out) {
    if (const raw::Value* value = Find(key)) {
      if (std::find(words.begin(), words.end(), value->text) == words.end()) {
        Fault(key, absl::StrCat("\"", value->text, "\" is not one of ", absl::StrJoin(words, ", ")));
      } else {
        out = value->text;
      }
    }
  }

  void Time(const std::string& key, Duration least, Duration most, Duration& out) {
    const raw::Value* value = Find(key);
    if (value == nullptr) {
      return;
    }
    Duration parsed;
    if (!absl::ParseDuration(value->text, &parsed) || parsed < least || parsed > most) {
      Fault(key,
            absl::StrCat("\"", value->text, "\" must be a duration of ", absl::FormatDuration(least), " to ",
                         absl::FormatDuration(most), ", written like ", absl::FormatDuration(out)));
    } else {
      out = parsed;
    }
  }

  void Count(const std::string& key, size_t least, size_t most, size_t& out) {
    const raw::Value* value = Find(key);
    if (value == nullptr) {
      return;
    }
    size_t parsed = 0;
    if (!absl::SimpleAtoi(value->text, &parsed) || parsed < least || parsed > most) {
      Fault(key, absl::StrCat("\"", value->text, "\" must be a whole number of ", least, " to ", most));
    } else {
      out = parsed;
    }
  }

  void Cpu(const std::string& key, MilliCpu& out) {
    const raw::Value* value = Find(key);
    double parsed = 0;
    if (value == nullptr) {
      return;
    }
    if (!absl::SimpleAtod(value->text, &parsed) || !(parsed >= 0.001) || parsed > 1024) {
      Fault(key, absl::StrCat("\"", value->text, "\" must be a number of CPUs from 0.001 to 1024, like 0.5"));
    } else {
      out = MilliCpu(std::llround(parsed * 1000));
    }
  }

  // "256MiB", "256M", "1g", bytes without a unit; as in Compose all units are powers of 1024.
  void Size(const std::string& key, Bytes& out) {
    const raw::Value* value = Find(key);
    if (value == nullptr) {
      return;
    }
    const size_t digits = std::min(value->text.find_first_not_of("0123456789"), value->text.size());
    std::string unit = value->text.substr(digits);
    std::transform(unit.begin(), unit.end(), unit.begin(), [](unsigned char c) { return std::tolower(c); });
    int shift = -1;
    for (const auto& [name, bits] : {std::pair{"", 0},
                                     {"b", 0},
                                     {"k", 10},
                                     {"kb", 10},
                                     {"kib", 10},
                                     {"m", 20},
                                     {"mb", 20},
                                     {"mib", 20},
                                     {"g", 30},
                                     {"gb", 30},
                                     {"gib", 30}}) {
      shift = unit == name ? bits : shift;
    }
    int64_t number = 0;
    if (shift < 0 || !absl::SimpleAtoi(value->text.substr(0, digits), &number) ||
        number > (int64_t{1} << 50 >> shift) || (number << shift) < (1 << 20)) {
      Fault(key, absl::StrCat("\"", value->text, "\" must be a size of at least 1MiB, like 256MiB"));
    } else {
      out = Bytes(number << shift);
    }
  }

  void Listen(const std::string& key, std::string& out) {
    Text(key, out);
    if (const auto address = ParseAddress(out); !address.ok()) {
      Fault(key, std::string(address.status().message()));
    }
  }

  absl::Status Result() const {
    return faults_.empty() ? absl::OkStatus() : absl::InvalidArgumentError(absl::StrJoin(faults_, "\n"));
  }

 private:
  const raw::Config& raw_;
  std::vector<std::string> faults_;
};

bool IsReachable(const std::string& listen) {
  const auto address = ParseAddress(listen);
  return address.ok() && !IsLoopback(address->host);
}

// The three files of `tls`; absent: none of them is given.
std::optional<Config::Tls> CheckTlsFiles(Checker& checker) {
  Config::Tls tls;
  const std::pair<const char*, std::string*> files[] = {
      {"tls.cert", &tls.cert}, {"tls.key", &tls.key}, {"tls.ca", &tls.ca}};
  bool given = false;
  for (const auto& [key, file] : files) {
    if (checker.Find(key) == nullptr) {
      continue;
    }
    given = true;
    checker.Text(key, *file);
    if (!file->empty() && access(file->c_str(), R_OK) != 0) {
      checker.Fault(key, absl::StrCat(*file, ": ", strerror(errno), "; give a PEM file that can be read"));
    }
  }
  for (const auto& [key, file] : files) {
    if (given && checker.Find(key) == nullptr) {
      checker.Fault(key, "is missing; tls needs cert, key and ca");
    }
  }
  return given ? std::optional(tls) : std::nullopt;
}

void CheckTls(Checker& checker, Config& config) {
  std::string word = "beyond loopback";
  if (const raw::Value* value = checker.Find("tls")) {
    word = value->text;
    if (word != "off" && word != "own") {
      checker.Fault("tls", absl::StrCat("\"", word, "\" must be off, own, or a map with cert, key and ca"));
    }
  }
  config.tls = CheckTlsFiles(checker);
  bool reachable = false;
  for (const auto& [listen, own] : {std::pair{&config.grpc_listen, &config.own_tls_grpc},
                                    {&config.http_listen, &config.own_tls_http},
                                    {&config.xds_listen, &config.own_tls_xds}}) {
    reachable = reachable || IsReachable(*listen);
    *own = !config.tls && word != "off" && (word == "own" || IsReachable(*listen));
  }
  config.plain_beyond_loopback = word == "off" && reachable;
  std::string auth;
  checker.OneOf("auth", {"required"}, auth);
  config.token_needed =
      auth == "required" || config.own_tls_http || (config.tls && IsReachable(config.http_listen));
}

void CheckAdvertise(const raw::Config& raw, Checker& checker, Config& config) {
  for (const auto& [key, value] : raw.values) {
    if (!absl::StartsWith(key, "advertise.")) {
      continue;
    }
    const bool plain = !value.text.empty() && value.text.find_first_not_of(
                                                  "abcdefghijklmnopqrstuvwxyz"
                                                  "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                                  "0123456789.:-_") == std::string::npos;
    if (!plain) {
      checker.Fault(key, absl::StrCat("\"", value.text, "\" must be a host name or an address"));
    }
    config.advertise.push_back(value.text);
  }
}

bool IsHttpUrl(const std::string& url) {
  for (const char* scheme : {"http://", "https://"}) {
    if (absl::StartsWith(url, scheme) && url.size() > std::strlen(scheme) &&
        url[std::strlen(scheme)] != '/') {
      return true;
    }
  }
  return false;
}

void CheckWebhook(const std::string& key, Checker& checker, Config& config) {
  Config::Webhook webhook;
  for (const auto& [name, text] :
       {std::pair{".name", &webhook.name}, {".url", &webhook.url}, {".secret_file", &webhook.secret_file}}) {
    if (checker.Find(key + name) == nullptr) {
      checker.Fault(key + name, "is missing; a webhook needs name, url and secret_file");
    }
    checker.Text(key + name, *text);
  }
  if (!webhook.url.empty() && !IsHttpUrl(webhook.url)) {
    checker.Fault(key + ".url",
                  absl::StrCat("\"", webhook.url, "\" must begin with http:// or https:// and a host"));
  }
  if (!webhook.secret_file.empty() && access(webhook.secret_file.c_str(), R_OK) != 0) {
    checker.Fault(key + ".secret_file",
                  absl::StrCat(webhook.secret_file, ": ", strerror(errno), "; give a file that can be read"));
  }
  const auto same = [&](const Config::Webhook& other) { return other.name == webhook.name; };
  if (webhook.name == "xds" || std::any_of(config.webhooks.begin(), config.webhooks.end(), same)) {
    checker.Fault(key + ".name", absl::StrCat("\"", webhook.name, "\" is taken; choose another"));
  }
  config.webhooks.push_back(webhook);
}

void CheckWebhooks(const raw::Config& raw, Checker& checker, Config& config) {
  std::set<std::string> items;  // "webhooks.0"
  for (const auto& [key, value] : raw.values) {
    if (absl::StartsWith(key, "webhooks.")) {
      items.insert(key.substr(0, key.rfind('.')));
    }
  }
  for (const std::string& item : items) {
    CheckWebhook(item, checker, config);
  }
}

}  // namespace

bool IsLoopback(const std::string& host) {
  return host == "localhost" || host == "::1" || absl::StartsWith(host, "127.");
}

absl::StatusOr<Address> ParseAddress(const std::string& text) {
  const auto fault = [&text](absl::string_view right) {
    return absl::InvalidArgumentError(absl::StrCat("\"", text, "\" is no ADDRESS:PORT; ", right));
  };
  const size_t colon = text.rfind(':');
  if (colon == std::string::npos || colon == 0) {
    return fault("write it like 127.0.0.1:7400");
  }
  Address out;
  out.host = text.substr(0, colon);
  if (out.host.front() == '[' && out.host.back() == ']') {
    out.host = out.host.substr(1, out.host.size() - 2);
  } else if (out.host.find(':') != std::string::npos) {
    return fault("put an IPv6 address into brackets: [::1]:7400");
  }
  if (!absl::SimpleAtoi(text.substr(colon + 1), &out.port) || out.port < 0 || out.port > 65535) {
    return fault("the port must be 1 to 65535, or 0 for any free one");
  }
  return out;
}

absl::StatusOr<Config> Validate(const raw::Config& raw) {
  Checker checker(raw);
  Config config;
  checker.Text("state_dir", config.state_dir);
  if (config.state_dir.front() != '/') {
    checker.Fault("state_dir", absl::StrCat("\"", config.state_dir, "\" must be an absolute path"));
  }
  checker.Listen("grpc.listen", config.grpc_listen);
  checker.Listen("http.listen", config.http_listen);
  checker.Listen("xds.listen", config.xds_listen);
  if (checker.Find("metrics.listen") != nullptr) {
    checker.Listen("metrics.listen", config.metrics_listen);
  }
  CheckTls(checker, config);
  CheckAdvertise(raw, checker, config);
  checker.Time("certificates.life", absl::Seconds(5), absl::Hours(24 * 825), config.certificate_life);
  checker.Time("audit.keep", absl::Hours(24), absl::Hours(24 * 3650), config.audit_keep);
  CheckWebhooks(raw, checker, config);
  checker.OneOf("log.level", {"debug", "info", "warning", "error"}, config.log_level);
  std::string format = "text";
  checker.OneOf("log.format", {"text", "json"}, format);
  config.log_json = format == "json";
  checker.Time("xds.remember", absl::Seconds(1), absl::Hours(24), config.xds_remember);
  checker.Count("events_kept", 100, 1'000'000, config.events_kept);
  checker.Size("history.max_bytes", config.history.max_bytes);
  checker.Time("history.full_for", absl::Minutes(1), absl::Hours(24 * 365), config.history.full_for);
  checker.Time("history.keep", absl::Minutes(1), absl::Hours(24 * 365), config.history.keep);
  CoreOptions& core = config.core;
  checker.Time("report_interval", absl::Milliseconds(100), absl::Minutes(1), core.report_interval);
  checker.Time("settle.connected", absl::ZeroDuration(), absl::Minutes(10), core.settle_connected);
  checker.Time("settle.disconnected", absl::ZeroDuration(), absl::Hours(1), core.settle_disconnected);
  checker.Time("mass_hold", absl::ZeroDuration(), absl::Hours(24), core.mass_hold);
  checker.Time("drain_blocked_after", absl::Seconds(1), absl::Hours(24), core.drain_blocked_after);
  checker.Text("failure_domain", core.failure_domain);
  checker.Cpu("assumed.cpu", core.assumed_cpu);
  checker.Size("assumed.memory", core.assumed_memory);
  RETURN_IF_ERROR(checker.Result());
  return config;
}

absl::StatusOr<Config> Load(const std::string& file, const std::vector<Override>& overrides) {
  raw::Config raw;
  if (!file.empty()) {
    std::ifstream stream(file);
    if (!stream) {
      return absl::NotFoundError(
          absl::StrCat(file, ": can't be opened: ", strerror(errno), "; give --config an existing file"));
    }
    raw = raw::Parse({std::istreambuf_iterator<char>(stream), std::istreambuf_iterator<char>()}, file);
  }
  for (const Override& override : overrides) {
    raw.values[override.key] = {override.value, override.flag};
  }
  return Validate(raw);
}

}  // namespace drover::controller
